#include "train/checkpoint/checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.h"
#include "core/io/file.h"
#include "model/json.h"
#include "model/weights/foreign.h"
#include "model/weights/outgoing.h"
#include "model/weights/weights.h"
#include "train/checkpoint/adapted.h"
#include "train/checkpoint/manifest.h"
#include "train/tasks/task.h"

namespace hewn {
namespace fs = std::filesystem;
namespace {

constexpr const char* model_file = "model.safetensors";
constexpr const char* optimizer_file = "optimizer.safetensors";
constexpr const char* state_file = "state.json";
constexpr const char* unfinished_prefix = ".unfinished-";

std::string name_of_step(int64_t step) {
  char name[32];
  std::snprintf(name, sizeof name, "step-%06lld", static_cast<long long>(step));
  return name;
}

/// The step of "step-001000"; empty for other names.
std::optional<int64_t> step_of_name(const std::string& name) {
  const std::string digits = name.substr(std::min<size_t>(5, name.size()));
  if (name.rfind("step-", 0) != 0 || digits.empty() || digits.size() > 18) return std::nullopt;
  if (digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::stoll(digits);
}

template <class T>
nlohmann::json or_null(const std::optional<T>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

std::string state_json(const RunState& s) {
  nlohmann::ordered_json json{{"format", "hewn-checkpoint"},
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
  if (s.base.hash != 0) json["base"] = {{"path", s.base.path}, {"hash", to_hex(s.base.hash)}};
  return json.dump(2) + "\n";
}

FileSum save_moments(const std::string& path, const Optimizer& optimizer) {
  const auto moments = optimizer.moments();
  std::vector<TensorEntry> entries;
  for (const auto& m : moments) {
    const auto sizes = m.value.shape().sizes();
    entries.push_back({.name = m.name, .dtype = m.value.dtype(), .shape = {sizes.begin(), sizes.end()}});
  }
  SafetensorsWriter writer(path, entries);
  std::vector<uint8_t> host;
  for (const auto& m : moments) {
    host.resize(m.value.bytes());
    m.value.device().download(host.data(), m.value.data(), host.size());
    writer.append(m.name, host.data(), host.size());
  }
  return writer.finish();
}

/// Creates or replaces a symbolic link atomically.
void point_link(const fs::path& link, const std::string& target) {
  const fs::path fresh = link.parent_path() / (".unfinished-link-" + link.filename().string());
  std::error_code error;
  fs::remove(fresh, error);
  fs::create_symlink(target, fresh, error);
  if (!error) fs::rename(fresh, link, error);
  if (error) fail(ErrorCode::failed, "cannot link ", link.string(), " to ", target, ": ", error.message());
}

/// Writes a checkpoint: `fill` writes files into a directory and lists them in the manifest; state.json is added.
std::string save_files(const std::string& run, const RunState& state,
                       const std::function<void(const fs::path& directory, Manifest& manifest)>& fill) {
  const fs::path all = fs::path(run) / "checkpoints", final_path = all / name_of_step(state.step);
  const Doing context("saving checkpoint ", final_path.string());
  const fs::path fresh = all / (unfinished_prefix + name_of_step(state.step));
  std::error_code error;
  fs::remove_all(fresh, error);
  fs::create_directories(fresh, error);
  if (error) fail(ErrorCode::failed, "cannot create ", fresh.string(), ": ", error.message());
  try {
    Manifest manifest;
    fill(fresh, manifest);
    manifest.add(state_file, write_file_atomically((fresh / state_file).string(), state_json(state)));
    manifest.write(fresh.string());
    replace_directory(fresh.string(), final_path.string());
  } catch (...) {
    fs::remove_all(fresh, error);
    throw;
  }
  point_links(run, state);
  return final_path.string();
}

}  // namespace

std::string save_checkpoint(const std::string& run, const RunState& state, Trainer& trainer) {
  return save_files(run, state, [&](const fs::path& directory, Manifest& manifest) {
    if (adapted(trainer.model()).empty()) {
      manifest.add(model_file, save_weights((directory / model_file).string(), trainer.model()));
    } else {
      const WrittenAdapter written = write_adapter(directory.string(), trainer.model(), state.base.path);
      manifest.add(adapter_weights_file, written.weights);
      manifest.add(adapter_config_file, written.config);
    }
    manifest.add(optimizer_file, save_moments((directory / optimizer_file).string(), trainer.optimizer()));
  });
}

std::string save_imported(const std::string& run, const RunState& state,
                          const std::function<FileSum(const std::string& path)>& write_weights) {
  return save_files(run, state, [&](const fs::path& directory, Manifest& manifest) {
    manifest.add(model_file, write_weights((directory / model_file).string()));
  });
}

void point_links(const std::string& run, const RunState& state) {
  const fs::path all = fs::path(run) / "checkpoints";
  std::error_code error;
  for (const auto& [link, step] : {std::pair("last", state.step), std::pair("best", state.best_step)})
    if (step >= 0 && fs::exists(all / name_of_step(step), error)) point_link(all / link, name_of_step(step));
}

std::vector<CheckpointInfo> list_checkpoints(const std::string& run) {
  std::vector<CheckpointInfo> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(fs::path(run) / "checkpoints", error)) {
    if (entry.is_symlink() || !fs::exists(entry.path() / Manifest::file_name, error)) continue;
    if (const auto step = step_of_name(entry.path().filename().string()))
      found.push_back({entry.path().string(), *step});
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.step < b.step; });
  return found;
}

std::string checkpoint_damage(const std::string& path, Manifest::Look look) {
  try {
    const Manifest manifest = Manifest::read(path);
    const bool adapts = manifest.files().contains(adapter_weights_file);
    for (const char* name : {adapts ? adapter_config_file : model_file, state_file})
      if (!manifest.files().contains(name)) return std::string("MANIFEST does not list ") + name;
    return manifest.damage(path, look);
  } catch (const Error& e) {
    return e.what();
  }
}

constexpr const char* import_hint = "; `hewn import` makes a run of another program's model";

std::string find_checkpoint(const std::string& run_or_checkpoint, const std::string& which,
                            Manifest::Look look) {
  fs::path given(run_or_checkpoint);
  if (!given.has_filename()) given = given.parent_path();  // RUN/ becomes RUN
  std::error_code error;
  if (!fs::is_directory(given, error))
    fail(ErrorCode::input, run_or_checkpoint,
         " is not a run or checkpoint directory (the --out_dir of a training)",
         fs::exists(given, error) ? import_hint : fetch_hint(run_or_checkpoint));
  fs::path path = given;
  fs::path run = given.parent_path().parent_path();
  if (!fs::exists(given / Manifest::file_name, error)) {
    run = given;
    const auto all = list_checkpoints(run.string());
    const bool foreign =
        fs::exists(given / "config.json", error) || fs::exists(given / "hparams.json", error);
    if (all.empty() && foreign) fail(ErrorCode::input, run_or_checkpoint, " is not a run", import_hint);
    if (all.empty())
      fail(ErrorCode::input, run_or_checkpoint,
           " has no checkpoint; training writes the first one at its first evaluation or when it stops");
    const std::string read = fs::exists(run / task_file, error) ? "best" : "last",
                      link = which.empty() ? read : which;
    // After a crash the link may point to the previous checkpoint, so the newest directory counts.
    path = link == "last" ? fs::path(all.back().path) : run / "checkpoints" / link;
    if (!fs::exists(path / Manifest::file_name, error)) path = all.back().path;
    path = run / "checkpoints" / fs::canonical(path, error).filename();
  }
  const std::string damage = checkpoint_damage(path.string(), look);
  if (damage.empty()) return path.string();
  auto others = list_checkpoints(run.string());
  while (!others.empty() && (fs::equivalent(others.back().path, path, error) ||
                             !checkpoint_damage(others.back().path, look).empty()))
    others.pop_back();
  const std::string advice = others.empty() ? "the run has no other intact checkpoint"
                                            : "remove it to resume from an intact one: " + others.back().path;
  fail(ErrorCode::input, "checkpoint ", path.string(), " is damaged: ", damage, "; ", advice);
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

std::unique_ptr<Model> open_checkpoint(const std::string& path, Device& device, DType dtype,
                                       const std::string& base) {
  if (is_adapted(path)) return load_foreign(checkpoint_model(path, base), device, dtype);
  return open_weights((fs::path(path) / model_file).string(), device, dtype);
}

RunState checkpoint_state(const std::string& path) {
  const std::string file = (fs::path(path) / state_file).string();
  const Doing context("reading ", file);
  try {
    const auto json = parse_json(read_small_file(file, 1 << 20));
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
    if (s.step < 0) fail(ErrorCode::input, "step is ", s.step, "; expected 0 or more");
    return s;
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorCode::input, e.what());
  }
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

void load_checkpoint(const std::string& path, Trainer& trainer, const std::string& base) {
  if (!fs::exists(fs::path(path) / optimizer_file))
    fail(ErrorCode::input, path,
         " contains only weights, as an imported model does; start a new run from it with ",
         "--init_from and another --out_dir");
  if (is_adapted(path))
    load_adapted(path, trainer.model(), base);
  else
    load_checkpoint(path, trainer.model());
  const SafetensorsFile file((fs::path(path) / optimizer_file).string());
  for (auto& moment : trainer.optimizer().moments()) {
    const TensorEntry& entry = file.at(moment.name);
    const auto sizes = moment.value.shape().sizes();
    if (!std::equal(sizes.begin(), sizes.end(), entry.shape.begin(), entry.shape.end()))
      fail(ErrorCode::input, file.path(), ": ", moment.name, " is ", Shape(entry.shape), "; expected ",
           moment.value.shape());
    upload_entry(entry, moment.value);
  }
  trainer.set_steps_done(checkpoint_state(path).step);
}

void prune_checkpoints(const std::string& run, int64_t keep) {
  const fs::path all = fs::path(run) / "checkpoints";
  std::error_code error;
  const fs::path best = fs::canonical(all / "best", error);
  const auto found = list_checkpoints(run);
  for (size_t i = 0; i + static_cast<size_t>(keep) < found.size(); ++i)
    if (best.empty() || !fs::equivalent(found[i].path, best, error)) remove_directory(found[i].path);
  for (const auto& entry : fs::directory_iterator(all, error))
    if (entry.path().filename().string().rfind(unfinished_prefix, 0) == 0)
      fs::remove_all(entry.path(), error);
}

}  // namespace hewn
