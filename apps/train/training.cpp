#include "apps/train/training.h"

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/cli/config_file.h"
#include "apps/cli/format.h"
#include "apps/cli/shell.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/cli/version.h"
#include "apps/ranks/profile_ranks.h"
#include "apps/report/report.h"
#include "apps/run/evaluation.h"
#include "apps/run/open_run.h"
#include "apps/run/ranks/session.h"
#include "apps/run/run_config.h"
#include "apps/train/progress.h"
#include "core/error.h"
#include "core/io/path.h"
#include "model/json.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/checkpoint/layout.h"
#include "train/ranks/rank_exchange.h"

namespace hewn::cli {
namespace {

// Whether the messages go to a terminal that understands and may get escape sequences. NO_COLOR is about colours only.
bool redraws(const Settings& settings) {
  const char* const term = std::getenv("TERM");
  const bool dumb = term && std::string_view(term) == "dumb";
  return is_terminal(Stream::messages) && !dumb && settings.text("color") != "never";
}

// The steps of a training, measured, by all of its ranks at the same time.
class TrainingProfile {
 public:
  TrainingProfile(const Trainer& trainer, DType dtype)
      : ranks_(ranks_of(trainer)), steps_(roof(trainer, dtype), executor(trainer.model().device())) {}

  void attach(LoopEvents& events) {
    events.profile = &steps_;
    events.profiled_traffic = &traffic_;
  }

  // Prints a summary and writes the full profile to the run; ranks other than 0, which have none, tell theirs.
  void write(const RunDirectory* run) const {
    if (steps_.steps() == 0) {
      if (run) say("profile none: the first two steps are warm-up and are not measured; run at least three");
      return;
    }
    Json json = profile_json(steps_);
    const Json of_ranks = ranks_ ? gather_profiles(*ranks_, steps_, traffic_) : Json();
    if (!run) return;
    if (ranks_) json["ranks"] = of_ranks;
    write_file_atomically(run->file("profile.json"), json_text(json, 2) + "\n");
    say(profile_tables(steps_));
    if (ranks_) say(rank_profile_table(of_ranks));
    say("profile saved to ", run->file("profile.json"));
  }

 private:
  static MachineRoof roof(const Trainer& trainer, DType dtype) {
    return MachineRoof(dtype, executor(trainer.model().device()));
  }

  Ranks* ranks_;
  StepProfile steps_;
  Traffic traffic_;
};

Json summary(const Outcome& outcome) {
  const RunState& state = outcome.state;
  Json out{{"step", state.step},
           {"seconds", state.seconds},
           {"tokens", state.tokens},
           {"checkpoint", outcome.checkpoint}};
  if (state.val_loss) out["val_loss"] = *state.val_loss;
  if (state.best_val_loss) out["best_val_loss"] = *state.best_val_loss;
  return out;
}

// Restores the checkpoint that other commands will read, so that the report at the end is about the same weights.
void return_to_best(const TrainingRun& training, const RunState& end, TrainLog& log) {
  const std::string checkpoint = find_checkpoint(training.run.path());
  const int64_t step = checkpoint_state(checkpoint).step;
  if (step == end.step) return;
  load_checkpoint(checkpoint, training.trainer, moved_base(training.settings));
  log.line(join("best    step ", step,
                " has the lowest validation loss: it is reported here and used by other commands"));
}

// Writes the page of pictures, if there is to be one; a page that cannot be written does not end a training.
bool write_pictures(std::optional<KeptReport>& report, bool inspects, TrainLog& log) {
  if (!report) return false;
  try {
    report->write(inspects);
    return true;
  } catch (const Error& error) {
    log.line(join("report  not written: ", error.what()));
    return false;
  }
}

// Whether the user asks for the end, at this rank or another.
Stop asked_to_stop(Ranks* ranks) {
  if (!ranks) return [] { return stop_signal() != 0; };
  return [ranks] { return any_asked_to_stop(*ranks); };
}

// Prints how the run ended and what to do next; returns the exit status.
int conclude(const Outcome& outcome, const TrainingRun& training, TrainLog& log) {
  const std::string& run = training.run.path();
  const std::string saved = outcome.checkpoint.empty() ? "" : ", saved " + outcome.checkpoint;
  const int64_t step = outcome.state.step;
  switch (outcome.reason) {
    case StopReason::asked:
      log.line(join("stopped after step ", step, saved));
      log.line(resume_hint(training.settings, run));
      return stop_status();
    case StopReason::max_time: log.line(join("stopped at max_time after step ", step, saved)); break;
    case StopReason::patience:
      log.line(join("stopped for lack of improvement (patience) after step ", step, saved));
      break;
    case StopReason::max_iters: log.line(join("done after step ", step, saved)); break;
  }
  log.line(join("next: ", program(), " ", training.next, " ", shell_word(run)));
  return 0;
}

}  // namespace

void say_model(const TrainConfig& config, const Model& model) {
  const Executor& device = executor(model.device());
  const int64_t trained = model.parameters().numel_trained(), all = model.parameters().numel();
  if (model.counted())
    say("model   ngram, n-grams of up to ", config.model.order, " tokens");
  else
    say("model   ", config.model.arch, ", ", long_count(all), " parameters in ", name_of(config.dtype),
        trained < all ? join(", of which ", long_count(trained), " train (", config.training.what, ")") : "");
  say("device  ", device.name(), ", ", device.threads(), device.threads() == 1 ? " thread, " : " threads, ",
      name_of(device.isa()));
  if (config.dtype == DType::bf16 && !multiplies_bf16(device.isa()) && !model.counted())
    say("bf16    ", name_of(device.isa()),
        " has no instructions for it: products widen their operands, which takes no less time than f32");
}

void write_run_files(const RunDirectory& run, const Settings& settings, uint64_t data_hash,
                     const std::optional<TextEncoder>& texts, const Task* task) {
  // A signal from here on ends the run after its next step, with a checkpoint.
  catch_signals();
  Json environment = Json::parse(version_json());
  environment["data_hash"] = to_hex(data_hash);
  const std::string from = settings.text("init_from");
  const std::string source = from == "resume"    ? started_from(run.path())
                             : path_exists(from) ? absolute_path(from)
                                                 : from;
  if (source != "scratch" && !source.empty()) environment["init_from"] = source;
  write_file_atomically(run.file("env.json"), json_text(environment, 2) + "\n");
  // A resumed run keeps its files, which its checkpoints know: another version might write them differently.
  if (texts && !path_exists(run.file("tokenizer.json"))) texts->tokenizer().save(run.file("tokenizer.json"));
  if (texts && !path_exists(run.file(text_form_file)))
    write_file_atomically(run.file(text_form_file), to_json(texts->form()) + "\n");
  if (task) write_task(run.path(), *task);
  // The last file before the first checkpoint, since a run that has it can be resumed.
  write_file_atomically(run.file(configuration_file), sealed(settings.to_toml()));
}

std::string resume_hint(const Settings& settings, const std::string& run) {
  return join("resume with: ", program(), " ", settings.command().name, " --init_from=resume ",
              shell_word("--out_dir=" + run));
}

int run_to_end(const TrainingRun& training) {
  const TrainConfig& config = training.config;
  Trainer& trainer = training.trainer;
  TrainLog log(training.run.file("train.log"), config.log_interval, redraws(training.settings));
  std::optional<KeptReport> report;
  if (training.settings.flag("report")) report.emplace(training.settings, training.run.path());
  LoopEvents events;
  events.on_step = [&](const Progress& progress) { log.show(progress); };
  events.on_message = [&](const std::string& line) { log.line(line); };
  events.should_stop = asked_to_stop(training.ranks);
  events.peak_tokens_per_s = peak_tokens_per_s(trainer.model(), config.dtype);
  events.on_sample = training.on_sample;
  events.on_evaluated = [&](const RunState& state, const std::vector<Metric>& metrics) {
    if (training.report && std::isfinite(*state.val_loss)) log.line(training.report());
    write_pictures(report, false, log);
    log.evaluated(state.val_loss, metrics, log.shows_samples() && training.sample ? training.sample() : "");
  };
  std::optional<TrainingProfile> profile;
  if (training.settings.flag("profile")) profile.emplace(trainer, config.dtype).attach(events);
  const Outcome outcome = run_training(&training.run, config, trainer, training.source, training.validate,
                                       training.state, events);
  log.finish();
  if (profile) profile->write(&training.run);
  FinalReport last;
  if (training.at_end && outcome.reason != StopReason::asked) {
    return_to_best(training, outcome.state, log);
    last = training.at_end();
  }
  if (!last.json.empty())
    write_file_atomically(training.run.file("evaluation.json"), json_text(last.json, 2) + "\n");
  if (!last.text.empty()) log.line(last.text);
  if (training.settings.flag("json")) {
    Json json = summary(outcome);
    json.update(last.json);
    print(json_text(json, 2), "\n");
  } else if (is_quiet() && !last.text.empty()) {  // the log was not shown
    print(last.text, "\n");
  }
  flush_results();
  if (write_pictures(report, outcome.reason != StopReason::asked, log)) log.line("report  " + report->path());
  return conclude(outcome, training, log);
}

int follow_to_end(const TrainConfig& config, Trainer& trainer, const BatchSource& source,
                  const Validator& validate, const RunState& state, bool profiles) {
  catch_signals();
  LoopEvents events;
  events.should_stop = asked_to_stop(ranks_of(trainer));
  std::optional<TrainingProfile> profile;
  if (profiles) profile.emplace(trainer, config.dtype).attach(events);
  const Outcome outcome = run_training(nullptr, config, trainer, source, validate, state, events);
  if (profile) profile->write(nullptr);
  return outcome.reason == StopReason::asked ? stop_status() : 0;
}

}  // namespace hewn::cli
