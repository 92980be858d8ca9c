#include "apps/ranks/verify_ranks.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <optional>
#include <thread>

#include "apps/cli/signals.h"
#include "apps/cli/system/child.h"
#include "apps/cli/terminal.h"
#include "apps/run/evaluation.h"
#include "apps/run/ranks/session.h"
#include "apps/run/run_config.h"
#include "apps/run/temporary_directory.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"
#include "kernels/devices/devices.h"
#include "train/ranks/agreement.h"

namespace hewn::cli {
namespace {

/// Trainings of one configuration by `hewn train`, in a directory of their own.
class Trainings {
 public:
  explicit Trainings(const Settings& settings) : directory_("verify") {
    const auto own = [](std::string_view key) {
      return key == "out_dir" || key == "max_iters" || key == "threads";
    };
    for (const Option* option : options_of(*find_command("train")))
      if (option->is_key() && !option->once && settings.takes(option->name) && settings.has(option->name) &&
          !own(option->name))
        keys_.push_back(join("--", option->name, "=", settings.text(option->name)));
  }

  std::string path(const std::string& name) const { return directory_.path(name); }

  /// Trains a run up to a step, from its last checkpoint if there is one. Throws what it ends with, but not if the user
  /// has asked for the end.
  void train(const std::string& name, int64_t ranks, int64_t until) const {
    const std::string run = path(name), log = run + ".log";
    std::vector<std::string> words{own_program(), "train", "--out_dir=" + run, join("--max_iters=", until)};
    if (path_exists(run))
      words.emplace_back("--init_from=resume");
    else
      words.insert(words.end(), keys_.begin(), keys_.end());
    if (ranks > 1) words.push_back(join("--ranks=", ranks));
    Child child(words, environment_without_keys(), {.out = "/dev/null", .err = log});
    bool asked = false;
    std::optional<int> status;
    while (!(status = child.ended())) {
      if (stop_signal() != 0 && !asked) child.send(SIGTERM), asked = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    if (*status == 0 || asked) return;
    fail(static_cast<ErrorCode>(std::min(*status, static_cast<int>(ErrorCode::numerical))), "training with ",
         ranks, ranks == 1 ? " process" : " processes", " has failed:\n",
         read_small_file(log, size_t{1} << 20));
  }

 private:
  TemporaryDirectory directory_;
  std::vector<std::string> keys_;
};

}  // namespace

int verify_ranks(Settings settings, const ModelConfig& model) {
  const std::vector<int64_t> numbers = numbers_of_ranks(settings);
  const int64_t most = *std::max_element(numbers.begin(), numbers.end());
  for (const char* key : {"gradient_accumulation_steps", "grad_shards"})
    if (!settings.given(key)) settings.set({key, std::to_string(most), settings.where("ranks")});
  const TrainConfig config = train_config(settings, model);
  for (const int64_t n : numbers)
    require(config.grad_shards % n == 0, settings.where("ranks"), ": ", n, " processes cannot share ",
            config.grad_shards, " groups of micro-steps (grad_shards)");
  // The ranks would find out, but only after the trainings with fewer of them.
  if (settings.text("device") == "cuda") require_gpu_each(settings.where("ranks"), most, count_cuda());
  note_resolved(settings, config);
  catch_signals();  // which must not leave the directory behind
  const Trainings trainings(settings);
  const int64_t steps = config.max_iters;
  Verdict verdict;
  const auto compare = [&](const std::string& what, const std::string& run) {
    verdict.compare(what, trainings.path(run), trainings.path("first"));
  };
  trainings.train("first", numbers[0], steps);
  for (size_t i = 0; i < numbers.size() && stop_signal() == 0; ++i) {
    const int64_t n = numbers[i], next = numbers[(i + 1) % numbers.size()];
    if (i > 0) {
      const std::string name = join("ranks-", n);
      trainings.train(name, n, steps);
      if (stop_signal() == 0) compare(join(n, " processes and ", numbers[0]), name);
    }
    if (!settings.flag("resume") || stop_signal() != 0) continue;
    const std::string halves = join("halves-", n);
    trainings.train(halves, n, steps / 2);
    if (stop_signal() == 0) trainings.train(halves, next, steps);
    if (stop_signal() == 0)
      compare(join(steps / 2, " steps with ", n, " + ", steps - steps / 2, " with ", next, " and ", steps,
                   " without a stop"),
              halves);
  }
  return stop_signal() != 0 ? stop_status() : verdict.status();
}

}  // namespace hewn::cli
