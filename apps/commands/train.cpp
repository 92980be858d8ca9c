// hewn train: from settings to a run directory with a trained model in it.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/bench/profile_tables.h"
#include "apps/cli/format.h"
#include "apps/cli/shell.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/cli/version.h"
#include "apps/commands/commands.h"
#include "apps/run/evaluation.h"
#include "apps/run/input.h"
#include "apps/run/progress.h"
#include "apps/run/run_config.h"
#include "apps/run/train_start.h"
#include "core/error.h"
#include "model/generation/generate.h"
#include "train/loop.h"

namespace hewn::cli {
namespace {

using Json = nlohmann::ordered_json;

// The steps that `epochs` passes over the training windows take.
int64_t steps_of(double epochs, const BatchLoader& loader, int64_t micro_steps) {
  const double steps = epochs * static_cast<double>(loader.batch_count()) / static_cast<double>(micro_steps);
  return std::max<int64_t>(1, std::llround(steps));
}

BatchLoader loader_of(const Settings& settings, const Dataset& data, const TrainConfig& config) {
  const int64_t stride = settings.integer("stride");
  return training_loader(data, config, stride, stride > 0 || settings.real("epochs") > 0);
}

// Fails if the validation data is too short, before anything is written.
void check_validation(const Dataset& data, const TrainConfig& config) {
  if (data.val.empty()) return;
  BatchLoader(data.val_splits(), {.batch_size = config.batch_size, .block_size = config.model.block_size});
}

void say_what(const TrainConfig& config, const Dataset& data, const Model& model) {
  const Executor& device = executor(model.device());
  say("data    ", long_count(data.train_tokens()), " tokens to train on, ", long_count(data.val_tokens()),
      " to validate, vocabulary of ", long_count(data.vocab_size));
  say("model   ", config.model.arch, ", ", long_count(model.parameters().numel()), " parameters in ",
      name_of(config.dtype));
  say("device  ", device.name(), ", ", device.threads(), device.threads() == 1 ? " thread, " : " threads, ",
      name_of(device.isa()));
  const int64_t tokens = config.batch_size * config.gradient_accumulation_steps * config.model.block_size;
  say("train   ", long_count(config.max_iters), " steps of ", long_count(tokens), " tokens");
}

// A value of a configuration as what it is.
Json json_value(const Settings& settings, const Option& option) {
  switch (option.kind) {
    case Kind::flag: return settings.flag(option.name);
    case Kind::integer: return settings.integer(option.name);
    case Kind::real: return settings.real(option.name);
    case Kind::choice:
    case Kind::text: return settings.text(option.name);
  }
  return nullptr;
}

// What --dry_run says, for programs.
Json dry_run_json(const Settings& settings, const Dataset& data, const Model& model) {
  Json config = Json::object();
  for (const Option* option : options_of(settings.command()))
    if (option->is_key() && !option->once && settings.has(option->name))
      config[std::string(option->name)] = json_value(settings, *option);
  return {{"parameters", model.parameters().numel()},
          {"train_tokens", data.train_tokens()},
          {"val_tokens", data.val_tokens()},
          {"vocab_size", data.vocab_size},
          {"config", config}};
}

// What a run keeps beside its checkpoints.
void write_run_files(const RunDirectory& run, const Settings& settings, const Dataset& data) {
  write_file_atomically(run.file("config.toml"), settings.to_toml());
  Json environment = Json::parse(version_json());
  environment["data_hash"] = to_hex(data.hash);
  write_file_atomically(run.file("env.json"), environment.dump(2) + "\n");
  if (data.tokenizer) data.tokenizer->save(run.file("tokenizer.json"));
}

// A text of the model as it is.
std::string drawn_text(Model& model, const Tokenizer& tokenizer, int64_t tokens, uint64_t seed) {
  std::vector<int32_t> ids, prompt{0};
  try {
    prompt = tokenizer.encode("\n");
  } catch (const Error&) {  // a vocabulary without line ends begins with its first token
  }
  generate(model, prompt,
           {.max_new_tokens = tokens, .temperature = 0.8, .seed = seed, .vocab_size = tokenizer.vocab_size()},
           [&](int32_t id) {
             ids.push_back(id);
             return true;
           });
  return tokenizer.decode(ids);
}

// The same into RUN/samples.
void write_sample(const RunDirectory& run, Model& model, const Tokenizer& tokenizer, int64_t step,
                  uint64_t seed) {
  std::string number = std::to_string(step);
  number.insert(0, 6 - std::min<size_t>(6, number.size()), '0');
  std::filesystem::create_directories(run.file("samples"));
  write_file_atomically(run.file("samples/step-" + number + ".txt"),
                        drawn_text(model, tokenizer, 300, seed) + "\n");
}

// The beginning of a text for the terminal, where memory is left for it.
std::string shown_text(Model& model, const Tokenizer& tokenizer, uint64_t seed) {
  try {
    return drawn_text(model, tokenizer, 60, seed);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::memory) throw;
    return "";
  }
}

// To the terminal in short, to the run whole.
void write_profile(const RunDirectory& run, const StepProfile& profile) {
  if (profile.steps() == 0) {
    say("profile nothing to tell: the first two steps only warm up; train more than two");
    return;
  }
  write_file_atomically(run.file("profile.json"), profile_json(profile));
  say(profile_tables(profile));
  say("profile all of it is in ", run.file("profile.json"));
}

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

// Says how it ended and what to do next; returns the exit status.
int conclude(const Outcome& outcome, const std::string& run, TrainLog& log) {
  const std::string saved = outcome.checkpoint.empty() ? "" : ", saved " + outcome.checkpoint;
  const int64_t step = outcome.state.step;
  switch (outcome.reason) {
    case StopReason::asked:
      log.line(join("stopped after step ", step, saved));
      log.line(join("go on with: ", program(), " train --init_from=resume ", shell_word("--out_dir=" + run)));
      return stop_status();
    case StopReason::max_time: log.line(join("max_time is over after step ", step, saved)); break;
    case StopReason::patience:
      log.line(join("no better validation loss for a while, stopped after step ", step, saved));
      break;
    case StopReason::max_iters: log.line(join("done after step ", step, saved)); break;
  }
  log.line(join("next: ", program(), " sample ", shell_word(run)));
  return 0;
}

int train(const Settings& settings, RunDirectory& run, const TrainConfig& config, Trainer& trainer,
          const Dataset& data, const BatchLoader& loader, const RunState& state) {
  TrainLog log(run.file("train.log"), config.log_interval);
  catch_signals();
  LoopEvents events;
  events.on_step = [&](const Progress& progress) { log.show(progress); };
  events.on_message = [&](const std::string& line) { log.line(line); };
  events.should_stop = [] { return stop_signal() != 0; };
  events.peak_tokens_per_s = peak_tokens_per_s(trainer.model(), config.dtype);
  events.on_evaluated = [&](const RunState& evaluated) {
    const bool text = log.shows_samples() && data.tokenizer;
    log.evaluated(evaluated.val_loss, text ? shown_text(trainer.model(), *data.tokenizer, config.seed) : "");
  };
  if (data.tokenizer)
    events.on_sample = [&](int64_t step) {
      write_sample(run, trainer.model(), *data.tokenizer, step, config.seed);
    };
  std::optional<StepProfile> profile;
  if (settings.flag("profile")) {
    Executor& device = executor(trainer.model().device());
    events.profile = &profile.emplace(MachineRoof(config.dtype, device), device);
  }
  const Outcome outcome = run_training(run, config, trainer, data, loader, state, events);
  log.finish();
  if (profile) write_profile(run, *profile);
  if (settings.flag("json")) print(summary(outcome).dump(2), "\n");
  flush_results();
  return conclude(outcome, run.path(), log);
}

}  // namespace

int run_train(const Settings& given) {
  require(given.arguments.empty(), "'", given.arguments.empty() ? "" : given.arguments[0],
          "' is neither a CONFIG.toml nor a key; for a text write --dataset=FILE");
  Settings settings = given;
  TrainStart start = begin_training(settings);
  make_paths_absolute(settings);
  const Dataset data = open_dataset(data_options(settings), start.tokenizer);
  check_same_data(start, data);

  // A model from elsewhere may have room for more tokens than its tokenizer has.
  const ModelConfig architecture =
      model_config(settings, {std::max(start.vocab_size(), data.vocab_size), data.longest_document()});
  TrainConfig config = train_config(settings, architecture);
  if (const double epochs = settings.real("epochs"); epochs > 0) {
    const int64_t steps =
        steps_of(epochs, loader_of(settings, data, config), config.gradient_accumulation_steps);
    if (!settings.given("max_iters") || steps < config.max_iters)
      settings.set({"max_iters", std::to_string(steps), settings.where("epochs")});
    config = train_config(settings, architecture);
  }
  note_resolved(settings, config);
  std::vector<std::string> texts{settings.text("val")};
  for (const DatasetPart& part : parse_dataset(settings.text("dataset"))) texts.push_back(part.spec);
  note_structured_files(texts);
  const BatchLoader loader = loader_of(settings, data, config);
  check_validation(data, config);

  const auto device = open_device(settings);
  check_memory(config, *device);
  const auto model = make_model(config.model, *device, config.dtype, config.seed);
  if (settings.flag("dry_run")) {
    say_what(config, data, *model);
    print(settings.flag("json") ? dry_run_json(settings, data, *model).dump(2) + "\n" : settings.to_toml());
    return 0;
  }
  if (settings.flag("eval_only")) {
    start.load_weights(*model);
    const Evaluation result = evaluate(*model, data, {.block_size = config.model.block_size});
    print(settings.flag("json")
              ? evaluation_json(result, start.foreign ? settings.text("init_from") : start.checkpoint)
              : evaluation_text(result));
    return 0;
  }
  Trainer trainer(*model, config.optimizer, config.schedule, config.seed);
  trainer.recompute(config.recompute);
  trainer.graphs().use(settings.flag("cuda_graph"));
  if (start.resumed && start.has_weights())
    load_checkpoint(start.checkpoint, trainer);
  else
    start.load_weights(*model);

  if (!start.run) {
    const bool force = settings.flag("force");
    start.run = std::make_unique<RunDirectory>(settings.text("out_dir"),
                                               force ? RunDirectory::Open::force : RunDirectory::Open::fresh);
  }
  settings.set({"out_dir", start.run->path(), settings.where("out_dir")});
  start.state.data_hash = data.hash;
  start.state.tokenizer_hash = data.tokenizer ? from_hex(data.tokenizer->hash()) : 0;
  // Weights from elsewhere are kept before there is a run to resume, or it might resume without them.
  if (!start.resumed && start.has_weights()) save_checkpoint(start.run->path(), start.state, trainer);
  write_run_files(*start.run, settings, data);
  say_what(config, data, *model);
  if (start.resumed)
    say("resume  from ",
        start.checkpoint.empty() ? "the beginning, there is no checkpoint yet" : start.checkpoint, ", step ",
        start.state.step);
  if (start.resumed && start.state.step >= config.max_iters)
    say("note    max_iters = ", config.max_iters, " is reached already; --max_iters=N goes on");
  return train(settings, *start.run, config, trainer, data, loader, start.state);
}

}  // namespace hewn::cli
