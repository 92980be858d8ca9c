#include "train/checkpoint/checkpoint.h"

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>

#include "core/error.h"
#include "core/io/directory.h"
#include "core/io/file.h"
#include "core/io/manifest.h"
#include "core/io/path.h"
#include "model/json.h"
#include "model/texts/texts.h"
#include "model/weights/foreign.h"
#include "model/weights/outgoing.h"
#include "model/weights/weights.h"
#include "train/checkpoint/adapted.h"
#include "train/checkpoint/layout.h"
#include "train/checkpoint/moments.h"
#include "train/checkpoint/run_directory.h"
#include "train/ranks/rank_exchange.h"
#include "train/ranks/value_exchange.h"
#include "train/tasks/task.h"

namespace hewn {
namespace {

template <class T>
nlohmann::json or_null(const std::optional<T>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

constexpr size_t most_configuration_bytes = size_t{1} << 20;

/// Creates or replaces a symbolic link atomically. Returns whether it was another one before.
bool point_link(const fs::path& link, const std::string& target) {
  const fs::path fresh = link.parent_path() / (unfinished_prefix + ("link-" + link.filename().string()));
  std::error_code error;
  if (fs::read_symlink(link, error) == target) return false;
  fs::remove(fresh, error);
  until_done(error, [&] { fs::create_symlink(target, fresh, error); });
  if (!error) rename_path(fresh, link, error);
  std::error_code ignored;
  if (error) fs::remove(fresh, ignored);
  if (error == std::errc::is_a_directory)
    fail(ErrorCode::failed, link,
         ": is a directory, but a link to a checkpoint is expected; a copy may have followed links. Remove "
         "it: the checkpoint itself is next to it");
  if (error) fail_at(ErrorCode::failed, link, join("cannot be linked to ", target), error.value());
  return true;
}

/// What a checkpoint depends on outside of its directory: a copy of the configuration, and the sums of other files.
void add_run(const std::string& run, const fs::path& directory, Manifest& manifest) {
  const fs::path configuration = fs::path(run) / configuration_file;
  if (path_exists(configuration, ErrorCode::failed))
    manifest.add(configuration_file,
                 write_file_atomically((directory / configuration_file).string(),
                                       read_small_file(configuration.string(), most_configuration_bytes)));
  for (const char* name : {"tokenizer.json", text_form_file, task_file, metrics_file})
    manifest.add_of_run(run, name);
}

/// Writes a checkpoint: `fill` writes files into a directory and lists them in the manifest; state.json is added.
std::string save_files(const std::string& run, const RunState& state,
                       const std::function<void(const fs::path& directory, Manifest& manifest)>& fill) {
  const fs::path all = fs::path(run) / checkpoints_directory, final_path = all / name_of_step(state.step);
  const Doing context("saving checkpoint ", final_path.string());
  const fs::path fresh = all / (unfinished_prefix + name_of_step(state.step));
  std::error_code error;
  remove_tree(fresh, error);
  try {
    make_directories(fresh);
    Manifest manifest;
    fill(fresh, manifest);
    manifest.add(state_file, write_file_atomically((fresh / state_file).string(), to_json(state)));
    add_run(run, fresh, manifest);
    manifest.write(fresh.string());
    replace_directory(fresh.string(), final_path.string());
  } catch (...) {
    remove_tree(fresh, error);
    throw;
  }
  point_links(run, state);
  return final_path.string();
}

/// Writes a checkpoint of the trainer; the other ranks, if there are any, send their moments.
std::string write_checkpoint(const std::string& run, const RunState& state, Trainer& trainer) {
  return save_files(run, state, [&](const fs::path& directory, Manifest& manifest) {
    if (adapted(trainer.model()).empty()) {
      manifest.add(model_file, save_weights((directory / model_file).string(), trainer.model()));
    } else {
      const WrittenAdapter written = write_adapter(directory.string(), trainer.model(), state.base.path);
      manifest.add(adapter_weights_file, written.weights);
      manifest.add(adapter_config_file, written.config);
    }
    manifest.add(optimizer_file, save_moments((directory / optimizer_file).string(), trainer));
  });
}

}  // namespace

std::string to_json(const RunState& s) {
  Json json{{"format", "hewn-checkpoint"},
            {"version", 1},
            {"step", s.step},
            {"seed", s.seed},
            {"tokenizer_hash", to_hex(s.tokenizer_hash)},
            {"data_hash", to_hex(s.data_hash)},
            {"evaluated_step", s.evaluated_step},
            {"val_loss", or_null(s.val_loss)},
            {"best_val_loss", or_null(s.best_val_loss)},
            {"best_step", s.best_step},
            {"evals_without_better", s.evals_without_better},
            {"seconds", s.seconds},
            {"tokens", s.tokens}};
  if (s.first_new_token > 0) json["first_new_token"] = s.first_new_token;
  if (s.base.hash != 0) json["base"] = {{"path", s.base.path}, {"hash", to_hex(s.base.hash)}};
  return exact_json_text(json, 2) + "\n";
}

std::string save_checkpoint(const std::string& run, const RunState& state, Trainer& trainer) {
  Ranks* const ranks = ranks_of(trainer);
  if (!ranks) return write_checkpoint(run, state, trainer);
  trainer.exchange().gather_values();
  std::string path;
  if (ranks->rank() == 0)
    path = write_checkpoint(run, state, trainer);
  else
    send_moments(trainer);
  return ranks->gather(path).front();  // arrives once the checkpoint is complete
}

std::string save_imported(const std::string& run, const RunState& state,
                          const std::function<FileSum(const std::string& path)>& write_weights) {
  return save_files(run, state, [&](const fs::path& directory, Manifest& manifest) {
    manifest.add(model_file, write_weights((directory / model_file).string()));
  });
}

void point_links(const std::string& run, const RunState& state) {
  const fs::path all = fs::path(run) / checkpoints_directory;
  bool changed = false;
  for (const auto& [link, step] : {std::pair("last", state.step), std::pair("best", state.best_step)})
    if (step >= 0 && path_exists(all / name_of_step(step), ErrorCode::failed))
      changed |= point_link(all / link, name_of_step(step));
  if (changed) sync_directory(all.string());
}

ModelConfig checkpoint_config(const std::string& path) {
  return config_in(
      SafetensorsFile((fs::path(path) / (is_adapted(path) ? adapter_weights_file : model_file)).string()));
}

FileSum checkpoint_weights(const std::string& path) {
  const Manifest manifest = Manifest::read(path);
  for (const char* name : {model_file, adapter_weights_file})
    if (const auto file = manifest.files().find(name); file != manifest.files().end()) return file->second;
  fail(ErrorCode::input, path, ": its MANIFEST has no ", model_file);
}

std::string first_different_tensor(const std::string& checkpoint, const std::string& other) {
  const auto ours = Manifest::read(checkpoint).files(), theirs = Manifest::read(other).files();
  auto all = ours;
  all.insert(theirs.begin(), theirs.end());
  for (const auto& [name, sum] : all) {
    if (!name.ends_with(".safetensors")) continue;
    if (!ours.contains(name) || !theirs.contains(name)) return name;
    const SafetensorsFile one((fs::path(checkpoint) / name).string()), two((fs::path(other) / name).string());
    for (const TensorEntry& a : one.entries()) {
      const TensorEntry* const b = two.find(a.name);
      if (!b || a.bytes != b->bytes || std::memcmp(a.data, b->data, a.bytes) != 0) return a.name;
    }
  }
  return {};
}

std::unique_ptr<Model> open_checkpoint(const std::string& path, Device& device, DType dtype,
                                       const std::string& base) {
  if (is_adapted(path)) return load_foreign(checkpoint_model(path, base), device, dtype);
  return open_weights((fs::path(path) / model_file).string(), device, dtype);
}

RunState run_state_from_json(const std::string& text) {
  try {
    const auto json = parse_json(text);
    if (json.at("format") != "hewn-checkpoint" || json.at("version") != 1)
      fail(ErrorCode::input, "expected a checkpoint of format version 1");
    RunState s;
    json.at("step").get_to(s.step);
    json.at("seed").get_to(s.seed);
    s.tokenizer_hash = from_hex(json.at("tokenizer_hash").get<std::string>());
    s.data_hash = from_hex(json.at("data_hash").get<std::string>());
    json.at("evaluated_step").get_to(s.evaluated_step);
    if (!json.at("val_loss").is_null()) s.val_loss = json["val_loss"].get<double>();
    if (!json.at("best_val_loss").is_null()) s.best_val_loss = json["best_val_loss"].get<double>();
    json.at("best_step").get_to(s.best_step);
    json.at("evals_without_better").get_to(s.evals_without_better);
    json.at("seconds").get_to(s.seconds);
    json.at("tokens").get_to(s.tokens);
    if (json.contains("base"))
      s.base = {json["base"].at("path").get<std::string>(),
                from_hex(json["base"].at("hash").get<std::string>())};
    s.first_new_token = json.value("first_new_token", int64_t{0});
    if (s.step < 0) fail(ErrorCode::input, "step is ", s.step, "; expected 0 or more");
    return s;
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorCode::input, json_reason(e));
  }
}

RunState checkpoint_state(const std::string& path) {
  const std::string file = (fs::path(path) / state_file).string();
  const Doing context("reading ", file);
  return run_state_from_json(read_small_file(file, 1 << 20));
}

void load_checkpoint(const std::string& path, Model& model, const std::string& base) {
  const bool longer = model.config().block_size < checkpoint_config(path).block_size;
  if (!longer && !is_adapted(path)) return load_weights((fs::path(path) / model_file).string(), model);
  ForeignModel whole = checkpoint_model(path, base);
  if (longer) crop_context(whole, model.config().block_size);
  place(*whole.tensors, whole.naming, model);
}

/// Restores what training changes, and the rest from the base model. A run that began with random weights has no base.
static void load_adapted(const std::string& path, Model& model, const std::string& base) {
  if (checkpoint_state(path).base.hash != 0) load_trunk(base_model(path, base), model);
  load_adapter(path, model);
}

/// Restores the parameters in this process. Returns the file of the moments, which fits the optimizer.
static SafetensorsFile read_checkpoint(const std::string& path, Trainer& trainer, const std::string& base) {
  if (!path_exists(fs::path(path) / optimizer_file))
    fail(ErrorCode::input, path,
         " contains only weights, as an imported model does; start a new run from it with ",
         "--init_from and another --out_dir");
  if (is_adapted(path))
    load_adapted(path, trainer.model(), base);
  else
    load_checkpoint(path, trainer.model());
  SafetensorsFile moments((fs::path(path) / optimizer_file).string());
  check_moments(moments, trainer.optimizer());
  return moments;
}

void load_checkpoint(const std::string& path, Trainer& trainer, const std::string& base) {
  Ranks* const ranks = ranks_of(trainer);
  std::optional<SafetensorsFile> moments;
  int64_t step = 0;
  if (!ranks || ranks->rank() == 0) {  // all that can fail, before anything is sent
    moments = read_checkpoint(path, trainer, base);
    step = checkpoint_state(path).step;
  }
  if (ranks) {
    broadcast_parameters(trainer.model().parameters(), *ranks);
    ranks->broadcast(std::as_writable_bytes(std::span(&step, 1)));
  }
  load_moments(moments ? &*moments : nullptr, trainer);
  trainer.set_steps_done(step);
}

}  // namespace hewn
