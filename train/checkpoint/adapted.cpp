#include "train/checkpoint/adapted.h"

#include <filesystem>

#include "core/error.h"
#include "core/io/checksum.h"
#include "core/io/file_kind.h"
#include "core/io/manifest.h"
#include "core/io/path.h"
#include "model/weights/outgoing.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/checkpoint/layout.h"

namespace hewn {
namespace {

/// How many adapters may rest on one another: a run could name itself as its base.
constexpr int most_bases = 16;

bool is_run(const fs::path& path) {
  return path_exists(path / checkpoints_directory) || path_exists(path / Manifest::file_name);
}

ForeignModel model_at(const std::string& path, int64_t block_size, int depth);

/// The place of a base: a checkpoint that was pruned may have a successor.
std::string existing_base(const BaseModel& base) {
  if (path_exists(base.path)) return base.path;
  const fs::path run = fs::path(base.path).parent_path().parent_path();
  if (!run.empty() && path_exists(run / checkpoints_directory)) return run.string();
  fail(ErrorCode::input, "the base model ", base.path, " does not exist; give its new path with --base=RUN");
}

ForeignModel base_at(const std::string& checkpoint, const std::string& moved_to, int depth) {
  const BaseModel base = checkpoint_state(checkpoint).base;
  if (base.hash == 0) fail(ErrorCode::input, checkpoint, ": state.json names no base model for its adapter");
  const std::string path = moved_to.empty() ? existing_base(base) : moved_to;
  ForeignModel model = model_at(path, checkpoint_config(checkpoint).block_size, depth + 1);
  if (const uint64_t hash = hash_of_weights(model); hash != base.hash)
    fail(ErrorCode::input, path, " is not the base model of ", checkpoint, ": the hash of its weights is ",
         to_hex(hash), "; expected ", to_hex(base.hash), ". Give the right one with --base=RUN");
  return model;
}

ForeignModel model_of(const std::string& checkpoint, const std::string& moved_to, int depth) {
  const ModelConfig config = checkpoint_config(checkpoint);
  if (!is_adapted(checkpoint))
    return own_model((fs::path(checkpoint) / model_file).string(), config, nullptr);
  const ForeignModel base = base_at(checkpoint, moved_to, depth);
  const auto declared = declare_model(config);
  return merged(base, config, {{read_adapter(checkpoint, *declared), 1}});
}

ForeignModel model_at(const std::string& path, int64_t block_size, int depth) {
  if (depth > most_bases)
    fail(ErrorCode::input, path, ": more than ", most_bases, " adapters are stacked; is a run its own base?");
  HeldCheckpoint held;
  if (is_run(path)) held = hold_checkpoint(path);
  ForeignModel model = is_run(path) ? model_of(held.path, "", depth) : open_foreign(path);
  if (block_size > 0 && block_size < model.config.block_size) crop_context(model, block_size);
  return model;
}

/// The checkpoint that a path means, compared with its MANIFEST; or the path itself, of a directory of PEFT's.
HeldCheckpoint adapter_at(const std::string& path) {
  if (!is_run(path) && holds_adapter(path)) return {path, "", {}};
  if (!is_run(path)) refuse_foreign_file(path);
  if (!is_run(path))
    fail(ErrorCode::input, path, " is neither an adapted run nor a directory with ", adapter_config_file);
  HeldCheckpoint checkpoint = hold_checkpoint(path);
  if (!is_adapted(checkpoint.path))
    fail(ErrorCode::input, path,
         " holds whole weights, not an adapter; it was not trained with train = lora");
  return checkpoint;
}

/// Gives the model the tokenizer of an adapted run, if that has more tokens than its own.
void take_tokenizer(const fs::path& checkpoint, ForeignModel& model) {
  const fs::path file = checkpoint.parent_path().parent_path() / "tokenizer.json";
  if (!is_run(checkpoint) || !path_exists(file) || !model.tokenizer) return;
  const std::shared_ptr<const Tokenizer> own = load_tokenizer(file.string());
  const int32_t tokens = model.tokenizer->vocab_size();
  for (int32_t id = 0; id < std::min(own->vocab_size(), tokens); ++id)
    if (own->piece(id) != model.tokenizer->piece(id))
      fail(ErrorCode::input, file.string(), ": token ", id,
           " differs from the token of the model or of another adapter");
  if (own->vocab_size() > tokens) model.tokenizer = own;
}

}  // namespace

bool is_adapted(const std::string& checkpoint) { return holds_adapter(checkpoint); }

ForeignModel open_base(const std::string& path, int64_t block_size) { return model_at(path, block_size, 0); }

BaseModel base_of(const std::string& path, int64_t block_size) {
  return {absolute_path(path), hash_of_weights(open_base(path, block_size))};
}

ForeignModel base_model(const std::string& checkpoint, const std::string& moved_to) {
  return base_at(checkpoint, moved_to, 0);
}

ForeignModel checkpoint_model(const std::string& checkpoint, const std::string& moved_to) {
  return model_of(checkpoint, moved_to, 0);
}

ForeignModel with_adapters(const ForeignModel& base, const std::vector<NamedAdapter>& adapters) {
  std::vector<HeldCheckpoint> held;
  ModelConfig config = base.config;
  for (const NamedAdapter& adapter : adapters) {
    held.push_back(adapter_at(adapter.path));
    if (is_run(held.back().path))
      config.vocab_size = std::max(config.vocab_size, checkpoint_config(held.back().path).vocab_size);
  }
  const auto declared = declare_model(config);
  std::vector<WeighedAdapter> all;
  std::optional<uint64_t> hash;
  for (const NamedAdapter& adapter : adapters) {
    const std::string& directory = held[all.size()].path;
    if (path_exists(fs::path(directory) / Manifest::file_name)) {
      const BaseModel made_for = checkpoint_state(directory).base;
      if (!hash) hash = hash_of_weights(base);
      if (made_for.hash != *hash)
        fail(ErrorCode::input, adapter.path, " is an adapter of ", made_for.path,
             ", whose weights have the hash ", to_hex(made_for.hash), "; this model's is ", to_hex(*hash));
    }
    all.push_back({read_adapter(directory, *declared), adapter.weight});
  }
  ForeignModel model = merged(base, config, all);
  for (const HeldCheckpoint& adapter : held) take_tokenizer(adapter.path, model);
  return model;
}

}  // namespace hewn
