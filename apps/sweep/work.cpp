#include "apps/sweep/work.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <list>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "apps/cli/format.h"
#include "apps/cli/signals.h"
#include "apps/cli/system/child.h"
#include "apps/cli/terminal.h"
#include "core/base/clock.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"
#include "model/json.h"
#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/find_checkpoint.h"

namespace hewn::cli {
namespace {

// What the last lines of a run's messages report: the error, if there is one.
std::string last_error(const std::string& log) {
  std::string text;
  try {
    text = read_small_file(log, size_t{1} << 24);
  } catch (const Error&) {
    return "its messages are in " + log;
  }
  size_t begin = text.rfind("hewn: ");
  if (begin != text.npos)
    begin += 6;
  else if (!text.empty())
    begin = text.rfind('\n', text.size() - 2) + 1;
  else
    return "it printed nothing";
  std::string error = text.substr(begin, 1000);
  while (!error.empty() && error.back() == '\n') error.pop_back();
  return error;
}

std::string status_text(int status) {
  return status > 128 ? join("signal ", status - 128) : join("status ", status);
}

// One run from its start to its result.
class SweepJob {
 public:
  SweepJob(const SweepRun& run, const SweepDefinition& sweep, const std::string& directory, int threads,
           bool evaluate)
      : run_(run),
        sweep_(sweep),
        logs_(directory + "/logs/" + run.name),
        evaluate_(evaluate),
        threads_("--threads=" + std::to_string(threads)) {
    start_training();
  }

  enum class State : uint8_t { works, finished, failed };

  // Looks whether the process has ended, and starts the next one if there is one.
  State look() {
    const std::optional<int> status = child_->ended();
    if (!status) return State::works;
    const bool training = training_;
    if (*status == 0 && training && evaluate_ && start_evaluation()) return State::works;
    if (*status == 0) return State::finished;
    error_ = join(training ? "training" : "evaluation", " ended with ", status_text(*status), ": ",
                  last_error(training ? logs_ + ".log" : logs_ + ".eval.log"));
    return State::failed;
  }

  void send(int signal) const { child_->send(signal); }
  const SweepRun& run() const { return run_; }
  const std::string& error() const { return error_; }
  double seconds() const { return seconds_since(start_); }

  // What the files of the finished run hold.
  SweepResult result() const {
    const std::string last = find_checkpoint(run_.directory, "last");
    const RunState state = checkpoint_state(last);
    const FileSum weights = checkpoint_weights(last);
    SweepResult r{.name = run_.name,
                  .seed = run_.seed,
                  .parameters = run_.parameters,
                  .flops = run_.flops_per_token * static_cast<double>(state.tokens),
                  .steps = state.step,
                  .tokens = state.tokens,
                  .seconds = state.seconds,
                  .val_loss = state.val_loss,
                  .best_val_loss = state.best_val_loss,
                  .best_step = state.best_step,
                  .weights_bytes = static_cast<int64_t>(weights.size),
                  .weights_checksum = to_hex(weights.checksum),
                  .data_hash = to_hex(state.data_hash)};
    for (size_t k = 0; k < sweep_.grid.size(); ++k) r.grid.emplace_back(sweep_.grid[k].key, run_.values[k]);
    if (!training_) add_evaluation(r);
    add_grad_norms(r);
    return r;
  }

 private:
  void start_training() {
    std::vector<std::string> words{"train", "--out_dir=" + run_.directory, threads_};
    if (path_exists(run_.directory + "/config.toml")) {
      words.emplace_back("--init_from=resume");
    } else {
      for (const Assignment& key : run_.keys) words.push_back("--" + key.key + "=" + key.value);
    }
    training_ = true;
    start(std::move(words), "/dev/null", logs_ + ".log");
  }

  // Starts this program. The keys of the environment are among the arguments already.
  void start(std::vector<std::string> arguments, const std::string& out, const std::string& err) {
    arguments.insert(arguments.begin(), own_program());
    child_ = std::make_unique<Child>(std::move(arguments), environment_without_keys(),
                                     ChildOptions{.out = out, .err = err});
  }

  // False if the run has no validation data.
  bool start_evaluation() {
    const std::string best = run_.directory + "/checkpoints/best";
    if (!path_exists(best)) return false;
    training_ = false;
    start({"eval", best, "--json", threads_}, logs_ + ".eval.json", logs_ + ".eval.log");
    return true;
  }

  void add_evaluation(SweepResult& r) const {
    const std::string file = logs_ + ".eval.json";
    const auto figures = nlohmann::json::parse(read_small_file(file, size_t{1} << 20), nullptr, false);
    const auto figure = [&](const char* name) -> std::optional<double> {
      if (!figures.is_object() || !figures.contains(name) || !figures[name].is_number()) return std::nullopt;
      return figures[name].get<double>();
    };
    r.loss = figure("loss");
    r.bits_per_byte = figure("bits_per_byte");
    r.floor = figure("floor");
  }

  // Those of step 0, if the run logs them.
  void add_grad_norms(SweepResult& r) const {
    std::ifstream in(run_.directory + "/metrics.jsonl");
    for (std::string line; std::getline(in, line);) {
      const auto entry = Json::parse(line, nullptr, false);
      if (!entry.is_object() || entry.value("step", -1) != 0 || !entry.contains("grad_norms")) continue;
      for (const auto& [part, norm] : entry["grad_norms"].items())
        if (norm.is_number()) r.grad_norms.emplace_back(part, norm.get<double>());
      return;
    }
  }

  const SweepRun& run_;
  const SweepDefinition& sweep_;
  std::string logs_;  // without the ending
  bool evaluate_;
  std::string threads_;
  bool training_ = true;
  std::unique_ptr<Child> child_;
  std::string error_;
  Clock::time_point start_ = Clock::now();
};

class Worker {
 public:
  Worker(const SweepPlan& plan, const SweepDefinition& sweep, const std::string& directory, bool evaluate,
         LineFile& file, std::vector<SweepResult>& results)
      : plan_(plan),
        sweep_(sweep),
        directory_(directory),
        evaluate_(evaluate),
        file_(file),
        results_(results) {
    for (const SweepRun& run : plan.runs)
      if (!run.finished) {
        waiting_.push_back(&run);
        seconds_left_ += run.seconds_left;
      }
  }

  SweepOutcome go() {
    while (!jobs_.empty() || (!waiting_.empty() && !outcome_.stopped)) {
      if (const int signal = stop_signal(); signal != 0 && !outcome_.stopped) stop(signal);
      while (!outcome_.stopped && !waiting_.empty() && static_cast<int64_t>(jobs_.size()) < plan_.at_once)
        begin();
      for (auto job = jobs_.begin(); job != jobs_.end();)
        job = ended(*job) ? jobs_.erase(job) : std::next(job);
      if (!jobs_.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return outcome_;
  }

 private:
  void stop(int signal) {
    outcome_.stopped = true;
    say("stop    ",
        jobs_.size() == 1 ? "the run finishes its step and saves" : "the runs finish their step and save");
    for (const SweepJob& job : jobs_) job.send(signal);
  }

  void begin() {
    const SweepRun& run = *waiting_.front();
    waiting_.pop_front();
    say("start   ", run.name, run.steps_done > 0 ? join(", from step ", run.steps_done) : "");
    jobs_.emplace_back(run, sweep_, directory_, plan_.threads, evaluate_);
  }

  // Whether the job has ended; records its result or failure.
  bool ended(SweepJob& job) {
    const SweepJob::State state = job.look();
    if (state == SweepJob::State::works) return false;
    const std::string& name = job.run().name;
    if (state == SweepJob::State::failed) {
      if (outcome_.stopped) return true;
      outcome_.failed.emplace_back(name, job.error());
      say("failed  ", name, ": ", job.error());
    } else {
      results_.push_back(job.result());
      file_.add(to_json(results_.back()));
      seconds_left_ -= job.run().seconds_left;
      const std::optional<double> loss = results_.back().ranked_loss();
      const size_t left = waiting_.size() + jobs_.size() - 1;
      say("done    ", name, loss ? ": val loss " + fixed(*loss, 4) : "", ", ", duration_text(job.seconds()),
          left > 0 ? join("; ", left, left == 1 ? " run" : " runs", " left, about ",
                          duration_text(std::max(0.0, seconds_left_) / static_cast<double>(plan_.at_once)))
                   : "");
    }
    return true;
  }

  const SweepPlan& plan_;
  const SweepDefinition& sweep_;
  const std::string& directory_;
  bool evaluate_;
  LineFile& file_;
  std::vector<SweepResult>& results_;
  std::list<const SweepRun*> waiting_;
  std::list<SweepJob> jobs_;
  double seconds_left_ = 0;
  SweepOutcome outcome_;
};

}  // namespace

SweepOutcome work_through(const SweepPlan& plan, const SweepDefinition& sweep, const std::string& directory,
                          bool evaluate, LineFile& file, std::vector<SweepResult>& results) {
  for (const char* part : {"/runs", "/logs"}) make_directories(directory + part);
  return Worker(plan, sweep, directory, evaluate, file, results).go();
}

}  // namespace hewn::cli
