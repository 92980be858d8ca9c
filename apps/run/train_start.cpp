#include "apps/run/train_start.h"

#include <filesystem>

#include "apps/cli/terminal.h"
#include "apps/run/input.h"
#include "apps/run/open_run.h"
#include "core/error.h"

namespace hewn::cli {
namespace {

namespace fs = std::filesystem;

// What the weights, the moments or the order of batches depend on.
constexpr std::string_view fixed_keys[] = {
    "arch",      "n_layer",     "n_head",     "n_embd",     "block_size", "bias",   "qkv_bias",
    "norm",      "norm_place",  "norm_eps",   "pos",        "act",        "tie",    "dtype",
    "seed",      "n_kv_head",   "rope_theta", "rope_pairs", "window",     "stride", "mlp_width",
    "optimizer", "pos_combine", "residual",   "tokenizer"};

void refuse_changes(const Settings& settings, const Settings& old, const std::string& run) {
  for (const std::string_view key : fixed_keys)
    require(!settings.given(key) || !old.has(key) || settings.text(key) == old.text(key), settings.where(key),
            ": ", key, " = ", settings.text(key), ", but the run in ", run, " has ", old.text(key),
            "; a resumed run keeps it. Leave it out, or begin a new run with --init_from=", run);
}

std::vector<Assignment> keys_of(const Settings& old, bool model_only) {
  std::vector<Assignment> values;
  for (const Section& section : sections()) {
    if (model_only && section.title != "Model") continue;
    for (const Option* option : options_of(old.command())) {
      const bool here =
          option >= section.options.data() && option < section.options.data() + section.options.size();
      if (here && !option->once && old.given(option->name) && option->name != "out_dir")
        values.push_back({std::string(option->name), old.text(option->name), old.where(option->name)});
    }
  }
  return values;
}

// Whether a value of the key `tokenizer` says what a run has: its kind, what it was given itself, or an equal
// file.
bool means(const std::string& value, const Tokenizer& tokenizer, const Settings& run) {
  return value == tokenizer.kind() || (run.has("tokenizer") && value == run.text("tokenizer")) ||
         (fs::is_regular_file(value) && load_tokenizer(value)->hash() == tokenizer.hash());
}

}  // namespace

TrainStart begin_training(Settings& settings) {
  TrainStart start;
  const std::string from = settings.text("init_from");
  start.state.seed = static_cast<uint64_t>(settings.integer("seed"));
  if (from == "scratch") return start;
  start.resumed = from == "resume";
  if (start.resumed)
    start.run = std::make_unique<RunDirectory>(settings.text("out_dir"), RunDirectory::Open::resume);
  // A run that was killed before its first checkpoint goes on from its beginning.
  if (!start.resumed || !list_checkpoints(start.run->path()).empty())
    start.checkpoint = find_checkpoint(start.resumed ? start.run->path() : from);
  const std::string run = start.resumed ? start.run->path() : run_of(start.checkpoint);
  const Settings old = read_run_config(run);
  if (start.resumed) refuse_changes(settings, old, run);
  settings.fill(keys_of(old, !start.resumed));
  RunState state;
  state.seed = static_cast<uint64_t>(settings.integer("seed"));
  if (!start.checkpoint.empty()) state = checkpoint_state(start.checkpoint);
  start.tokenizer = run_tokenizer(run, state.tokenizer_hash);
  if (start.tokenizer && settings.given("tokenizer"))
    require(means(settings.text("tokenizer"), *start.tokenizer, old), settings.where("tokenizer"),
            ": tokenizer = ", settings.text("tokenizer"), ", but the run in ", run, " has ",
            start.tokenizer->kind(), "; its weights only know those tokens, so leave it out");
  if (start.resumed) start.state = state;
  return start;
}

void check_same_data(const TrainStart& start, const Dataset& data) {
  const uint64_t expected = start.state.data_hash;
  if (start.resumed && expected != 0 && expected != data.hash)
    fail(ErrorCode::input, "the data is not what the run in ", start.run->path(),
         " was trained on: its hash is ", to_hex(data.hash), ", expected ", to_hex(expected),
         "; restore it, or begin a new run with --init_from=", start.run->path(), " and another --out_dir");
}

void make_paths_absolute(Settings& settings) {
  std::string dataset;
  const std::vector<DatasetPart> parts = parse_dataset(settings.text("dataset"));
  for (const DatasetPart& part : parts) {
    const bool exists = fs::exists(part.spec);
    dataset += (dataset.empty() ? "" : ",") +
               (exists ? fs::absolute(part.spec).lexically_normal().string() : part.spec);
    if (parts.size() > 1) dataset += ":" + real_text(part.weight);
  }
  settings.set({"dataset", dataset, settings.where("dataset")});
  for (const char* key : {"val", "tokenizer"})
    if (settings.has(key) && fs::exists(settings.text(key)))
      settings.set({key, fs::absolute(settings.text(key)).lexically_normal().string(), settings.where(key)});
}

}  // namespace hewn::cli
