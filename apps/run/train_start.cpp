#include "apps/run/train_start.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "apps/cli/config_file.h"
#include "apps/cli/terminal.h"
#include "apps/cli/version.h"
#include "apps/run/files/trust.h"
#include "apps/run/input.h"
#include "apps/run/lesson/lesson.h"
#include "apps/run/open_run.h"
#include "apps/run/run_config.h"
#include "core/error.h"
#include "core/io/checksum.h"
#include "core/io/file.h"
#include "core/io/manifest.h"
#include "core/io/path.h"
#include "model/json.h"
#include "train/checkpoint/adapted.h"
#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/checkpoint/layout.h"

namespace hewn::cli {
namespace {

// The configuration of a run. Keys that an older program did not write are taken from the checkpoint.
Settings config_of(const std::string& run, const std::string& checkpoint) {
  Settings config = read_run_config(run);
  if (!checkpoint.empty()) config.fill(model_settings(checkpoint_config(checkpoint), checkpoint));
  return config;
}

// Refuses given keys that the run fixes: when it is resumed, or when its weights start another run.
void refuse_changes(const Settings& settings, const Settings& old, const std::string& run, bool resumed,
                    std::string_view what = "run") {
  for (const Option* option : options_of(settings.command())) {
    const std::string_view key = option->name;
    const bool fixed = resumed ? option->change != Change::always : option->change == Change::new_model;
    if (!fixed || !settings.given(key) || !old.takes(key) || !old.has(key) ||
        same_value(*option, settings, old))
      continue;
    const std::string advice =
        option->change == Change::new_model
            ? "its weights depend on it. Leave it out, or train a new model"
            : "a resumed run cannot change it. Leave it out, or start a new run with --init_from=" + run;
    fail(ErrorCode::usage, settings.where(key), ": ", key, " = ", settings.text(key), ", but the ", what,
         " in ", run, " has ", old.text(key), "; ", advice);
  }
}

// Refuses a longer context for learned positions, whose number is fixed.
void refuse_longer(const Settings& settings, const ModelConfig& trained, const std::string& run) {
  if (trained.arch != "gpt" || trained.pos != Positions::learned || !settings.given("block_size")) return;
  require(settings.integer("block_size") <= trained.block_size, settings.where("block_size"),
          ": block_size = ", settings.text("block_size"), ", but the model in ", run, " has learned ",
          trained.block_size, " positions; give at most ", trained.block_size);
}

std::vector<Assignment> keys_of(const Settings& old, bool model_only) {
  std::vector<Assignment> values;
  const auto take = [&](std::string_view key) {
    if (old.takes(key) && old.given(key)) values.push_back({std::string(key), old.text(key), old.where(key)});
  };
  if (model_only) {
    for (const auto& key : model_keys)
      if (!key.from_data) take(key.name);
    return values;
  }
  for (const Option* option : options_of(old.command()))
    if (option->is_key() && !option->once && option->name != "out_dir") take(option->name);
  return values;
}

// The checkpoint to begin from. A name that does not exist may be meant as a published model.
HeldCheckpoint find_start(const Settings& settings) {
  const std::string from = settings.text("init_from");
  if (!path_exists(from))
    fail(ErrorCode::input, settings.where("init_from"), ": there is no run, checkpoint or model ", from,
         fetch_hint(from));
  return hold_checkpoint(from);
}

// The checkpoint from which a run goes on. Says why if it is not the newest one.
std::string last_checkpoint(const std::string& run) {
  const HeldCheckpoint last = hold_checkpoint(run, "last", Compared::all);
  if (!last.remark.empty()) say("note    ", last.remark);
  return last.path;
}

// Says what differs from the time at which the checkpoint was written. Throws input if it must not differ.
void say_changes(const std::string& run, const std::string& checkpoint) {
  for (const std::string& change : changed_since(run, checkpoint))
    say("note    ", change, " when ", checkpoint, " was written");
  const std::string gap = Manifest::read(checkpoint).damage_of_run(run);
  if (!gap.empty()) say("note    ", gap, "; the run continues without it");
}

// Whether a value of the key `tokenizer` means the run's tokenizer: its kind, the run's own value, or an equal file.
bool means(const std::string& value, const Tokenizer& tokenizer, const Settings& run) {
  return value == tokenizer.kind() || (run.has("tokenizer") && value == run.text("tokenizer")) ||
         (path_is_file(value) && load_tokenizer(value)->hash() == tokenizer.hash());
}

/// Refuses a tokenizer other than that of the weights, which were trained on its tokens.
void check_tokenizer(const Settings& settings, const TrainStart& start, const Settings& old,
                     const std::string& run) {
  if (!start.tokenizer) return;
  if (settings.given("tokenizer"))
    require(means(settings.text("tokenizer"), *start.tokenizer, old), settings.where("tokenizer"),
            ": tokenizer = ", settings.text("tokenizer"), ", but ", run, " has ", start.tokenizer->kind(),
            "; its weights belong to those tokens, so leave tokenizer out");
  if (!start.resumed)
    require(!settings.given("vocab_size"), settings.where("vocab_size"), ": the vocabulary is that of ", run,
            ", with ", start.tokenizer->vocab_size(), " tokens; leave vocab_size out");
}

// Only its own command goes on with a run, and only `finetune classify` starts from a classifier.
void check_command(const Settings& settings, const Command& trained_by, const ModelConfig& base,
                   const std::string& run, bool resumed) {
  const std::string_view command = settings.command().name;
  require(!resumed || command == trained_by.name, "the run in ", run, " was trained by `",
          command_line(trained_by), "`; resume it with that command");
  require(!base.classifies() || command == "finetune classify", settings.where("init_from"), ": ", run,
          " is a classifier; only `hewn finetune classify` can start from it");
}

TrainStart begin_from_model(Settings& settings, const std::string& path) {
  TrainStart start;
  start.from = is_lesson(path) ? path : absolute_path(path);
  start.foreign = open_lesson_or_foreign(path);
  check_command(settings, settings.command(), start.foreign->config, path, false);
  const Settings old = settings_of(start.foreign->config, "f32", path);
  refuse_changes(settings, old, path, false, "model");
  refuse_longer(settings, start.foreign->config, path);
  if (settings.given("block_size")) crop_context(*start.foreign, settings.integer("block_size"));
  settings.fill(keys_of(old, true));
  start.state.seed = static_cast<uint64_t>(settings.integer("seed"));
  start.tokenizer = start.foreign->tokenizer;
  start.text_form = start.foreign->text_form;
  check_tokenizer(settings, start, old, path);
  return start;
}

// Goes on with a run that ended before its first checkpoint: from the beginning.
TrainStart begin_again(Settings& settings, const std::string& run, const std::string& origin) {
  check_command(settings, training_command(run), ModelConfig{}, run, true);
  settings.fill(keys_of(read_run_config(run), false));
  settings.set({"init_from", origin, run + "/env.json"});
  say("note    the run in ", run, " has no checkpoint yet; it begins again from ", origin);
  return begin_training(settings);
}

}  // namespace

int64_t TrainStart::vocab_size() const {
  return received             ? received->vocab_size
         : foreign            ? foreign->config.vocab_size
         : checkpoint.empty() ? 0
                              : checkpoint_config(checkpoint).vocab_size;
}

void TrainStart::load_weights(Model& model) const {
  if (!checkpoint.empty() && model.counted())
    load_checkpoint(checkpoint, model);
  else if (foreign || !checkpoint.empty())
    load_trunk(foreign ? *foreign : checkpoint_model(checkpoint, moved_base), model);
}

std::string TrainStart::unknown(const Settings& settings) const {
  const bool of_char = tokenizer && tokenizer->kind() == "char";
  // A configuration file is that of another run, where it may have an effect; sweeps pass it on with its default.
  if (!of_char && settings.where("unknown").starts_with("--") && settings.text("unknown") != "add")
    fail(ErrorCode::usage, settings.where("unknown"), ": has no effect: ",
         tokenizer
             ? join("the tokenizer of the model is of kind ", tokenizer->kind(), " and accepts any text")
             : "without init_from, the vocabulary is learned from the data",
         "; leave it out");
  return of_char && !resumed ? settings.text("unknown") : "";
}

void TrainStart::take(std::shared_ptr<const Tokenizer> met) {
  if (!resumed && tokenizer && met->vocab_size() > tokenizer->vocab_size())
    state.first_new_token = tokenizer->vocab_size();
  tokenizer = std::move(met);
}

void TrainStart::note_base(const TrainConfig& config) {
  if (!config.training.adapts()) return;
  require(has_weights(), "train = lora adapts the weights of a trained model; give it with --init_from=RUN");
  require(!is_lesson(from),
          "train = lora records the path of its base model, but the lesson model has none; write it to a "
          "file with `hewn export lesson --format=safetensors --out=FILE`, and start from that file");
  const std::string base = resumed ? moved_base : foreign ? from : checkpoint;
  if (!base.empty()) require_storable({resumed ? "base" : "init_from", absolute_path(base), "train = lora"});
  if (!resumed)
    state.base = base_of(base, config.model.block_size);
  else if (!base.empty())
    state.base.path = absolute_path(base);
}

void TrainStart::open_run(Settings& settings, const TrainConfig& config, uint64_t data_hash) {
  note_base(config);
  const auto how = settings.flag("force") ? RunDirectory::Open::force : RunDirectory::Open::fresh;
  if (!run) run = std::make_unique<RunDirectory>(settings.text("out_dir"), how);
  settings.set({"out_dir", run->path(), settings.where("out_dir")});
  state.data_hash = data_hash;
  state.tokenizer_hash = tokenizer ? from_hex(tokenizer->hash()) : 0;
}

void TrainStart::say_resumed(const TrainConfig& config) const {
  say("resume  from ", checkpoint.empty() ? "the beginning (no checkpoint yet)" : checkpoint, ", step ",
      state.step);
  if (state.step >= config.max_iters && config.model.arch != "ngram")
    say("note    max_iters = ", config.max_iters,
        " is already reached; raise it with --max_iters=N to continue");
}

TrainStart begin_training(Settings& settings) {
  TrainStart start;
  const std::string from = settings.text("init_from");
  start.moved_base = settings.takes("base") ? settings.text("base") : "";
  start.state.seed = static_cast<uint64_t>(settings.integer("seed"));
  if (from == "scratch") return start;
  if (from != "resume" && is_foreign_model(from)) return begin_from_model(settings, from);
  start.resumed = from == "resume";
  if (start.resumed)
    start.run = std::make_unique<RunDirectory>(settings.text("out_dir"), RunDirectory::Open::resume);
  if (!start.resumed)
    start.held = find_start(settings), start.checkpoint = start.held.path;
  else if (!list_checkpoints(start.run->path()).empty() || !incomplete_checkpoints(start.run->path()).empty())
    start.checkpoint = last_checkpoint(start.run->path());
  else if (const std::string origin = started_from(start.run->path()); !origin.empty())
    return begin_again(settings, std::exchange(start.run, nullptr)->path(), origin);
  // Otherwise the run, of new weights, was killed before its first checkpoint, and restarts from the beginning.
  const std::string run = start.resumed ? start.run->path() : run_of(start.checkpoint);
  if (start.resumed && !start.checkpoint.empty()) say_changes(run, start.checkpoint);
  if (!start.checkpoint.empty())
    check_command(settings, training_command(run), checkpoint_config(start.checkpoint), run, start.resumed);
  const Settings old = config_of(run, start.checkpoint);
  refuse_changes(settings, old, run, start.resumed);
  if (!start.resumed) refuse_longer(settings, checkpoint_config(start.checkpoint), run);
  settings.fill(keys_of(old, !start.resumed));
  RunState state;
  state.seed = static_cast<uint64_t>(settings.integer("seed"));
  if (!start.checkpoint.empty()) state = checkpoint_state(start.checkpoint);
  start.tokenizer = run_tokenizer(run, state.tokenizer_hash);
  start.text_form = run_text_form(run, start.tokenizer.get());
  check_tokenizer(settings, start, old, "the run in " + run);
  if (start.resumed) start.state = state;
  return start;
}

void check_same_data(const TrainStart& start, uint64_t hash) {
  const uint64_t expected = start.state.data_hash;
  if (start.resumed && expected != 0 && expected != hash)
    fail(ErrorCode::input, "the data differs from the data that the run in ", start.run->path(),
         " was trained on: its hash is ", to_hex(hash), "; expected ", to_hex(expected),
         "; restore it, or start a new run with --init_from=", start.run->path(), " and another --out_dir");
}

void make_paths_absolute(Settings& settings) {
  std::string dataset;
  const std::vector<DatasetPart> parts = parse_dataset(settings.text("dataset"));
  for (const DatasetPart& part : parts) {
    const bool exists = path_exists(part.spec);
    dataset += (dataset.empty() ? "" : ",") + (exists ? absolute_path(part.spec) : part.spec);
    if (parts.size() > 1) dataset += ":" + real_text(part.weight);
  }
  settings.set({"dataset", dataset, settings.where("dataset")});
  for (const char* key : {"val", "tokenizer"})
    if (settings.has(key) && path_exists(settings.text(key)))
      settings.set({key, absolute_path(settings.text(key)), settings.where(key)});
  settings.require_storable();
}

// Writes the checkpoint last: a directory without one is not a run.
std::string write_whole_run(const RunDirectory& run, const ForeignModel& model, const Settings& config,
                            const Json& origin, const std::optional<Task>& task) {
  try {
    auto environment = Json::parse(version_json());
    environment.update(origin);
    write_file_atomically(run.file("env.json"), json_text(environment, 2) + "\n");
    if (task) write_task(run.path(), *task);
    write_file_atomically(run.file(configuration_file), sealed(config.to_toml(true)));
    if (model.tokenizer) {
      model.tokenizer->save(run.file("tokenizer.json"));
      write_file_atomically(run.file(text_form_file), to_json(model.texts().form()) + "\n");
    }
    RunState state;
    state.tokenizer_hash = model.tokenizer ? from_hex(model.tokenizer->hash()) : 0;
    const DType dtype = dtype_from_name(config.text("dtype"));
    return save_imported(run.path(), state, [&](const std::string& path) {
      return save_foreign(path, model, dtype == DType::f64 ? DType::f64 : DType::f32);
    });
  } catch (...) {
    run.discard();
    throw;
  }
}

}  // namespace hewn::cli
