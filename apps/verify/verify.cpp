// hewn verify: checks that files are intact, and that different ways to the same result give the same bits.

#include <cmath>
#include <filesystem>

#include "apps/cli/modes.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/ranks/verify_ranks.h"
#include "apps/run/evaluation.h"
#include "apps/run/files/trust.h"
#include "apps/run/input.h"
#include "apps/run/lesson/lesson.h"
#include "apps/run/open_run.h"
#include "apps/run/run_config.h"
#include "apps/run/temporary_directory.h"
#include "apps/verify/verify_merged.h"
#include "core/error.h"
#include "core/io/path.h"
#include "model/weights/foreign.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/counting.h"
#include "train/data/data.h"
#include "train/data/data_set_files.h"
#include "train/inspect/divergence.h"
#include "train/loop.h"

namespace hewn::cli {
namespace {

// What is checked, and which checks go together.
const Mode checks[] = {{"merged", ""},
                       {"texts", "threads"},
                       {"devices", ""},
                       {"ranks", "resume device"},
                       {"resume", "threads"},
                       {"threads", ""},
                       {"", "", "the files of a run"}};

constexpr int failed_status = static_cast<int>(ErrorCode::numerical);

// Trains the run up to step `until`, from its last checkpoint if there is one, or until a signal.
void train_until(const std::string& path, const TrainConfig& config, const Dataset& data, int threads,
                 int64_t until) {
  const bool resumed = path_exists(path);
  RunDirectory run(path, resumed ? RunDirectory::Open::resume : RunDirectory::Open::fresh);
  const auto device = make_cpu(threads);
  const auto model = make_model(config.model, config.training, *device, config.dtype, config.seed);
  Trainer trainer(*model, config);
  RunState state;
  state.seed = config.seed;
  if (resumed) {
    const std::string checkpoint = find_checkpoint(path, "last");
    load_checkpoint(checkpoint, trainer);
    state = checkpoint_state(checkpoint);
  } else {
    state.tokens = count_training_data(*model, data);
  }
  int64_t steps = state.step;
  LoopEvents events;
  events.on_step = [&](const Progress& progress) { steps = progress.step.step + 1; };
  // A model that is counted has no steps: its validation is the end.
  events.should_stop = [&] { return (steps >= until && until > 0) || stop_signal() != 0; };
  const BatchLoader loader = training_loader(data, config);
  run_training(&run, config, trainer, loader, text_validator(data, config), state, events);
}

/// Checks names, shapes and, if the format has them, checksums of a model that is not a run.
int verify_model(const std::string& path) {
  const ForeignModel model = open_lesson_or_foreign(path);
  const Doing opening("opening ", path);
  check_fit(*model.tensors, model.naming, *declare_model(model.config));
  model.verify();
  print(path, ": every parameter is present with its shape (", model.format, ")\n");
  return 0;
}

int verify_files(const std::string& path) {
  if (is_data_directory(path)) {
    const std::string damage = data_damage(path);
    print(path, ": ", damage.empty() ? "intact" : damage, "\n");
    return damage.empty() ? 0 : failed_status;
  }
  if (is_foreign_model(path)) return verify_model(path);
  const std::string run = run_of(path);
  const Examination result = examine_run(run);
  if (list_checkpoints(run).empty() && !result.damaged)
    fail(ErrorCode::input, path,
         path_exists(run + "/config.toml")
             ? ": this run ended before its first checkpoint; resume it to get one"
             : ": has no checkpoints; give a run's directory");
  for (const std::string& line : result.lines) print(line, "\n");
  if (!result.not_checked.empty()) print("not checked: ", list_text(result.not_checked, ", "), "\n");
  return result.damaged ? failed_status : 0;
}

std::vector<int> thread_counts(const Settings& settings) {
  const std::vector<int64_t> counts = settings.integers("threads", 1, 1024);
  return {counts.begin(), counts.end()};
}

/// A device with a model in training.
struct Trainee {
  Trainee(const std::string& name, const TrainConfig& config)
      : device(open_device(name, 0)),
        model(make_model(config.model, config.training, *device, config.dtype, config.seed)),
        trainer(*model, config) {}
  std::unique_ptr<Executor> device;
  std::unique_ptr<Model> model;
  Trainer trainer;
};

// Trains on both devices from the same start with the same batches.
int verify_devices(const Settings& settings, const TrainConfig& config, const Dataset& data) {
  const std::vector<std::string> names = split(settings.text("devices"), ',');
  require(names.size() == 2, settings.where("devices"), ": expected two devices, such as cpu,cuda");
  require(config.model.arch != "ngram", settings.where("devices"),
          ": arch = ngram is counted on the CPU; there is no training to compare");
  Trainee one(names[0], config), other(names[1], config);
  const BatchLoader loader = training_loader(data, config);
  std::vector<Batch> batches(static_cast<size_t>(config.gradient_accumulation_steps));
  const auto says = [&](const std::string& place) {
    print(names[1], " diverges from ", names[0], " at ", place, "\n");
    return failed_status;
  };
  const double allowed = node_tolerance(config.dtype);
  double worst = 0;
  for (int64_t step = 0; step < config.max_iters; ++step) {
    for (size_t m = 0; m < batches.size(); ++m)
      loader.fill(step * config.gradient_accumulation_steps + static_cast<int64_t>(m), batches[m]);
    if (step == 0)
      if (const std::string place = first_divergence(one.trainer, other.trainer, batches, allowed);
          !place.empty())
        return says(place);
    const double expected = one.trainer.step(batches).loss, loss = other.trainer.step(batches).loss;
    const double apart = std::abs(loss - expected);
    worst = std::max(worst, apart);
    if (apart <= loss_tolerance(config.dtype)) continue;
    print("step ", step, ": loss ", loss, " on ", names[1], ", ", expected, " on ", names[0], "\n");
    const std::string place = first_divergence(one.trainer, other.trainer, batches, allowed);
    return says(place.empty() ? "no single node: small differences have accumulated" : place);
  }
  print(names[1], " and ", names[0], ": losses of ", config.max_iters, " steps differ by at most ", worst,
        "\n");
  return 0;
}

}  // namespace

int run_verify(const Settings& settings) {
  const Mode& mode = chosen_mode(settings, checks);
  if (mode.key.empty()) return verify_files(named_run(settings));
  if (mode.key == "merged") return verify_merged(settings);
  const bool threads = settings.has("threads") && settings.where("threads") != "HEWN_THREADS";
  if (mode.key == "texts")
    return verify_texts(settings, threads ? thread_counts(settings) : std::vector<int>{1, 2, 4});
  require(settings.arguments.empty(), "'", list_text(settings.arguments, " "), "' cannot be combined with --",
          mode.key, ", which trains its own models");
  const Dataset data = open_dataset(data_options(settings));
  const ModelConfig model = model_config(settings, {data.vocab_size, data.longest_document()});
  if (mode.key == "ranks") return verify_ranks(settings, model);
  TrainConfig config = train_config(settings, model);
  if (mode.key == "devices") return verify_devices(settings, config, data);
  const std::vector<int> counts = threads ? thread_counts(settings) : std::vector<int>{default_threads()};
  catch_signals();  // which must not leave the directory behind
  const TemporaryDirectory directory("verify");
  Verdict verdict;
  const int64_t steps = config.max_iters;
  const std::string whole = directory.path("whole");
  train_until(whole, config, data, counts[0], steps);
  if (settings.flag("resume") && stop_signal() == 0) {
    const std::string halves = directory.path("halves");
    train_until(halves, config, data, counts[0], steps / 2);
    if (stop_signal() == 0) train_until(halves, config, data, counts[0], steps);
    if (stop_signal() != 0) return stop_status();
    verdict.compare(join(steps / 2, " + ", steps - steps / 2, " steps and ", steps, " without a stop"),
                    halves, whole);
  }
  for (size_t i = 1; i < counts.size() && stop_signal() == 0; ++i) {
    const std::string other = directory.path(join("threads-", counts[i]));
    train_until(other, config, data, counts[i], steps);
    if (stop_signal() != 0) break;
    verdict.compare(join(counts[i], " threads and ", counts[0]), other, whole);
  }
  return stop_signal() != 0 ? stop_status() : verdict.status();
}

}  // namespace hewn::cli
