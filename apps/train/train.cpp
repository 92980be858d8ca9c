// hewn train: from settings to a run directory with a trained model.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "apps/run/evaluation.h"
#include "apps/run/input.h"
#include "apps/run/ranks/cores.h"
#include "apps/run/ranks/launch.h"
#include "apps/run/ranks/session.h"
#include "apps/run/ranks/start.h"
#include "apps/run/run_config.h"
#include "apps/run/text/drawn_text.h"
#include "apps/run/train_setup.h"
#include "apps/train/training.h"
#include "core/base/clock.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"
#include "model/json.h"
#include "train/counting.h"
#include "train/loop.h"
#include "train/ranks/rank_exchange.h"
#include "train/ranks/value_exchange.h"

namespace hewn::cli {
namespace {

// Prints which of the given keys have no effect, because the model is counted.
void say_unused(const Settings& settings) {
  std::string unused;
  for (const auto& key : training_keys)
    if (settings.given(key.name) && key.name != "seed" && key.name != "dtype" && key.name != "batch_size")
      unused += (unused.empty() ? "" : ", ") + std::string(key.name);
  say("note    arch = ngram counts the training data once, without steps",
      unused.empty() ? "" : "; no effect: ", unused);
}

void say_what(const TrainConfig& config, const Dataset& data, const Model& model) {
  say("data    ", long_count(data.train_tokens()), " tokens for training, ", long_count(data.val_tokens()),
      " for validation, vocabulary of ", long_count(data.vocab_size));
  for (const std::string& note : data.notes)
    if (!note.empty()) say("note    ", note);
  say_model(config, model);
  if (model.counted()) return;
  const int64_t tokens = config.batch_size * config.gradient_accumulation_steps * config.model.block_size;
  say("train   ", long_count(config.max_iters), " steps of ", long_count(tokens), " tokens");
}

// A value of the configuration with its JSON type.
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

// The output of --dry_run as JSON.
Json dry_run_json(const Settings& settings, const Dataset& data, const Model& model) {
  Json config = Json::object();
  for (const Option* option : options_of(settings.command()))
    if (option->is_key() && !option->once && settings.has(option->name))
      config[std::string(option->name)] = json_value(settings, *option);
  return {{"parameters", model.parameters().numel()},
          {"trained_parameters", model.parameters().numel_trained()},
          {"train_tokens", data.train_tokens()},
          {"val_tokens", data.val_tokens()},
          {"vocab_size", data.vocab_size},
          {"config", config}};
}

// Counts the training data of a new run, if its model consists of counts.
void count_data(Model& model, const Dataset& data, RunState& state) {
  const auto start = Clock::now();
  state.tokens = count_training_data(model, data);
  state.seconds = seconds_since(start);
}

// Writes a text by the current model to RUN/samples.
void write_sample(const RunDirectory& run, Model& model, const TextEncoder& texts, int64_t step,
                  uint64_t seed) {
  std::string number = std::to_string(step);
  number.insert(0, 6 - std::min<size_t>(6, number.size()), '0');
  make_directories(run.file("samples"));
  write_file_atomically(run.file("samples/step-" + number + ".txt"),
                        drawn_text(model, texts, 300, seed) + "\n");
}

// The beginning of a text for the terminal; "" if memory is short.
std::string shown_text(Model& model, const TextEncoder& texts, uint64_t seed) {
  try {
    return drawn_text(model, texts, 60, seed);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::memory) throw;
    return "";
  }
}

int train(const Settings& settings, const TrainSetup& setup, Trainer& trainer) {
  const RunDirectory& run = *setup.start.run;
  const TrainConfig& config = setup.config;
  remove_temporary_files(run.file("samples"));  // left by a killed process
  const Validator validate = text_validator(*setup.data, config, ranks_of(trainer));
  TrainingRun training{settings,     *setup.start.run, config,           trainer,
                       setup.loader, validate,         setup.start.state};
  training.ranks = ranks_of(trainer);
  if (const auto texts = setup.texts()) {
    training.sample = [&, texts] { return shown_text(trainer.model(), *texts, config.seed); };
    training.on_sample = [&, texts](int64_t step) {
      write_sample(run, trainer.model(), *texts, step, config.seed);
    };
  }
  return run_to_end(training);
}

// Whether the settings ask for something else than training, which is then done. Rank 0 does it for all.
bool only_looks(const Settings& settings, const TrainSetup& setup, Model& model, Ranks* ranks) {
  const TrainStart& start = setup.start;
  const bool first = !ranks || ranks->rank() == 0, json = settings.flag("json");
  if (settings.flag("dry_run")) {
    say_what(setup.config, *setup.data, model);
    print(json ? json_text(dry_run_json(settings, *setup.data, model), 2) + "\n" : settings.to_toml());
    return true;
  }
  if (!settings.flag("eval_only")) return false;
  if (!first) return true;
  start.load_weights(model);
  const Evaluation result = evaluate(model, *setup.data, {.block_size = setup.config.model.block_size});
  print(json ? evaluation_json(result, start.foreign ? settings.text("init_from") : start.checkpoint)
             : evaluation_text(result));
  return true;
}

// Gives the model the weights that the run starts from, and the trainer its state if it goes on.
void load_start(const TrainStart& start, Trainer& trainer) {
  if (start.resumed && start.has_weights())
    return load_checkpoint(start.checkpoint, trainer, start.moved_base);
  start.load_weights(trainer.model());
  if (ranks_of(trainer) && start.has_weights())
    broadcast_parameters(trainer.model().parameters(), *ranks_of(trainer));
}

int train_as(const Settings& given, Ranks* ranks) {
  Settings settings = given;
  TrainSetup setup = set_up_training(settings, open_new_dataset, ranks);
  TrainStart& start = setup.start;
  const Dataset& data = *setup.data;
  const TrainConfig& config = setup.config;
  const bool first = !ranks || ranks->rank() == 0;
  std::vector<std::string> texts{settings.text("val")};
  for (const DatasetPart& part : parse_dataset(settings.text("dataset"))) texts.push_back(part.spec);
  note_structured_files(texts);

  const auto device = open_device(settings, ranks);
  if (ranks) {
    require_agreement(*ranks, config, *device, data.hash);
    ranks->set_bucket_bytes(config.bucket_mb << 20);
    use_nccl(*ranks, *device);
  }
  check_memory(config, *device);
  const auto model = make_model(config.model, config.training, *device, config.dtype, config.seed);
  if (only_looks(settings, setup, *model, ranks)) return 0;
  require(
      !model->counted() || start.resumed || !start.has_weights(), settings.where("init_from"),
      ": arch = ngram counts its own training data and cannot start from other counts; leave init_from out");
  require(!model->counted() || !ranks, settings.where("arch"),
          ": arch = ngram counts in one process; leave ranks out");
  if (model->counted()) say_unused(given);
  Trainer trainer(*model, config, ranks);
  trainer.graphs().use(settings.flag("cuda_graph"));
  load_start(start, trainer);
  if (first) {
    start.open_run(settings, config, data.hash);
    say_what(config, data, *model);
    if (model->counted() && !start.has_weights()) count_data(*model, data, start.state);
    write_run_files(*start.run, settings, data.hash, setup.texts());
  }
  if (!start.resumed && start.has_weights())
    save_checkpoint(first ? start.run->path() : "", start.state, trainer);
  if (ranks) say_ranks(*ranks, *device);
  if (!first)
    return follow_to_end(config, trainer, setup.loader, text_validator(data, config, ranks), start.state,
                         settings.flag("profile"));
  if (start.resumed) start.say_resumed(config);
  return train(settings, setup, trainer);
}

}  // namespace

int run_train(const Settings& settings) {
  require(settings.arguments.empty(), "'", settings.arguments.empty() ? "" : settings.arguments[0],
          "' is neither a CONFIG.toml nor a key; give a text as --dataset=FILE");
  if (started_as_rank())
    return as_one_of_ranks(settings, [&](Ranks& ranks) { return train_as(settings, &ranks); });
  const int64_t ranks = ranks_to_launch(settings);
  return ranks > 1 ? launch_ranks(settings, {.ranks = ranks}) : train_as(settings, nullptr);
}

}  // namespace hewn::cli
