#include "train/checkpoint/find_checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/io/file.h"
#include "core/io/manifest.h"
#include "core/io/path.h"
#include "model/adapters/adapter_files.h"
#include "model/texts/texts.h"
#include "model/weights/foreign.h"
#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/layout.h"
#include "train/tasks/task.h"

namespace hewn {
namespace {

constexpr const char* import_hint = "; `hewn import` makes a run of another program's model";

bool has_manifest(const fs::path& directory) { return path_exists(directory / Manifest::file_name); }

/// Directories with the name of a checkpoint, with or without a MANIFEST, oldest first. A training that saves and prunes
/// may remove all that a list names before they are looked at; then there are others.
std::vector<CheckpointInfo> named_checkpoints(const std::string& run, bool complete) {
  const fs::path all = fs::path(run) / checkpoints_directory;
  std::vector<CheckpointInfo> found;
  std::error_code error;
  for (bool outdated = path_is_directory(all); outdated && found.empty();) {
    outdated = false;
    for (const fs::path& entry : entries_of(all)) {
      const auto step = step_of_name(entry.filename().string());
      if (!step || fs::is_symlink(entry, error)) continue;
      const bool has = has_manifest(entry);
      if (!has && !path_exists(entry))
        outdated = true;
      else if (has == complete && path_is_directory(entry))
        found.push_back({entry.string(), *step});
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.step < b.step; });
  return found;
}

/// The checkpoint that a link leads to; "" if there is no link, as where a copy has a directory in its place.
std::string linked_name(const fs::path& link) {
  std::error_code error;
  const fs::path target = fs::read_symlink(link, error);
  if (!error) return target.filename().string();
  if (error == std::errc::no_such_file_or_directory || error == std::errc::invalid_argument) return "";
  fail_at(ErrorCode::input, link, "cannot be read", error.value());
}

/// A path without the slash at its end.
fs::path without_slash(const std::string& path) {
  fs::path given(path);
  return given.has_filename() ? given : given.parent_path();
}

/// What a link such as RUN/checkpoints/best leads to; any other path itself. A training may make the link lead elsewhere
/// at any time, but what it led to stays.
fs::path followed(fs::path path) {
  std::error_code error;
  for (int links = 0; links < 40 && fs::is_symlink(path, error); ++links) {
    const fs::path target = fs::read_symlink(path, error);
    if (error) fail_at(ErrorCode::input, path, "cannot be read", error.value());
    path = without_slash((path.parent_path() / target).string());
  }
  return path;
}

/// The run of a checkpoint. The path of a checkpoint may be as short as its name.
fs::path run_with(const fs::path& checkpoint) {
  const fs::path holder = checkpoint.parent_path();
  return (holder.filename() == checkpoints_directory ? holder
                                                     : without_slash(absolute_path(checkpoint)).parent_path())
      .parent_path();
}

/// Which checkpoint a path means, and why it is not the one that was asked for.
struct Choice {
  fs::path run, path;
  std::string remark;
};

[[noreturn]] void fail_without_checkpoint(const std::string& given) {
  const auto incomplete = incomplete_checkpoints(given);
  if (!incomplete.empty())
    fail(ErrorCode::input, "checkpoint ", incomplete.back().path,
         " is damaged: it has no MANIFEST; the run has no other checkpoint");
  const fs::path path(given);
  if (path_exists(path / "config.json") || path_exists(path / "hparams.json"))
    fail(ErrorCode::input, given, " is not a run", import_hint);
  refuse_pickled_weights(given);
  fail(ErrorCode::input, given,
       " has no checkpoint; training writes the first one at its first evaluation or when it stops");
}

Choice choose_in_run(const fs::path& run, const std::string& given, const std::string& which) {
  const auto all = list_checkpoints(run.string());
  if (all.empty()) fail_without_checkpoint(given);
  const fs::path newest = all.back().path;
  std::error_code error;
  const bool reads_best = which == "best" || (which.empty() && path_exists(run / task_file));
  if (reads_best) {
    const fs::path link = run / checkpoints_directory / "best";
    if (has_manifest(link)) {
      const fs::path target = followed(link);
      if (!fs::equivalent(target.parent_path(), link.parent_path(), error))
        fail(ErrorCode::input, link.string(), " points outside of the run, to ", target.string(),
             "; point it to one of the run's checkpoints, or give that checkpoint instead of the run");
      return {run, target, ""};
    }
    if (fs::is_symlink(link, error))
      return {run, newest,
              join(link.string(), " leads to no checkpoint; the newest is read: ", newest.string())};
    return {run, newest, ""};
  }
  // After a crash the link `last` may point to the previous checkpoint, so the newest directory counts.
  const auto incomplete = incomplete_checkpoints(run.string());
  if (!incomplete.empty() && incomplete.back().step > all.back().step)
    return {
        run, newest,
        join(incomplete.back().path, " has no MANIFEST, so it is damaged; read instead: ", newest.string())};
  return {run, newest, ""};
}

Choice choose(const std::string& given, const std::string& which) {
  const fs::path path = without_slash(given);
  if (!path_exists(path))
    fail(ErrorCode::input, given,
         " does not exist; give a run (the --out_dir of a training), a checkpoint or a model file",
         fetch_hint(given));
  if (!path_is_directory(path))
    fail(ErrorCode::input, given, " is not a run or checkpoint directory (the --out_dir of a training)",
         import_hint);
  if (has_manifest(path)) {
    const fs::path checkpoint = followed(path);
    return {run_with(checkpoint), checkpoint, ""};
  }
  return choose_in_run(path, given, which);
}

/// The newest intact checkpoint of a run besides a damaged one, as advice.
std::string advice_for(const Choice& damaged) {
  auto others = list_checkpoints(damaged.run.string());
  std::error_code error;
  while (!others.empty() && (fs::equivalent(others.back().path, damaged.path, error) ||
                             !checkpoint_damage(others.back().path).empty()))
    others.pop_back();
  return others.empty() ? "the run has no other intact checkpoint"
                        : "remove it to resume from an intact one: " + others.back().path;
}

/// Refuses files of the run that are not those of the checkpoint. A checkpoint may have been copied without its run.
void check_run(const Choice& choice) {
  const Manifest manifest = Manifest::read(choice.path.string());
  for (const auto& [name, sum] : manifest.files_of_run()) {
    const bool needed =
        name == text_form_file;  // without it, the run would pass for one of an earlier version
    if ((!needed && !path_exists(choice.run / name)) || name.ends_with(".jsonl")) continue;
    if (sum_file((choice.run / name).string()) != sum)
      fail(ErrorCode::input, (choice.run / name).string(), " has changed since the run saved ",
           choice.path.string(), ": its checksum differs; restore it from a copy");
  }
}

}  // namespace

std::string name_of_step(int64_t step) {
  char name[32];
  std::snprintf(name, sizeof name, "step-%06lld", static_cast<long long>(step));
  return name;
}

std::optional<int64_t> step_of_name(const std::string& name) {
  const std::string digits = name.substr(std::min<size_t>(5, name.size()));
  if (name.rfind("step-", 0) != 0 || digits.empty() || digits.size() > 18) return std::nullopt;
  if (digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::stoll(digits);
}

std::vector<CheckpointInfo> list_checkpoints(const std::string& run) { return named_checkpoints(run, true); }

std::vector<CheckpointInfo> incomplete_checkpoints(const std::string& run) {
  return named_checkpoints(run, false);
}

std::string checkpoint_damage(const std::string& path, Compared compared) {
  try {
    const Manifest manifest = Manifest::read(path);
    const bool adapts = manifest.files().contains(adapter_weights_file);
    for (const char* name : {adapts ? adapter_config_file : model_file, state_file})
      if (!manifest.files().contains(name)) return std::string("MANIFEST does not list ") + name;
    const char* const unread = compared == Compared::model ? optimizer_file : "";
    if (std::string damage = manifest.damage(path, unread); !damage.empty()) return damage;
    const auto named = step_of_name(without_slash(path).filename().string());
    const int64_t step = checkpoint_state(path).step;
    if (named && *named != step) return join("its name does not match its step, ", step);
    return {};
  } catch (const Error& e) {
    return e.one_line();
  }
}

HeldCheckpoint hold_checkpoint(const std::string& run_or_checkpoint, const std::string& which,
                               Compared compared) {
  // A training that saves and prunes may remove the checkpoint between the choice and the lock.
  for (;;) {
    const Choice choice = choose(run_or_checkpoint, which);
    DirectoryInUse use(choice.path.string());
    if (!use.is_there()) continue;
    const std::string damage = checkpoint_damage(choice.path.string(), compared);
    if (!use.is_there()) continue;
    if (!damage.empty())
      fail(ErrorCode::input, "checkpoint ", choice.path.string(), " is damaged: ", damage, "; ",
           advice_for(choice));
    check_run(choice);
    return {choice.path.string(), choice.remark, std::move(use)};
  }
}

std::string find_checkpoint(const std::string& run_or_checkpoint, const std::string& which) {
  return hold_checkpoint(run_or_checkpoint, which).path;
}

std::string prune_checkpoints(const std::string& run, int64_t keep) {
  const fs::path all = fs::path(run) / checkpoints_directory;
  std::error_code error;
  try {
    if (!path_exists(all)) return {};  // a run that has not saved yet
    const std::string best = linked_name(all / "best");
    const auto found = list_checkpoints(run);
    for (size_t i = 0; i + static_cast<size_t>(keep) < found.size(); ++i)
      if (fs::path(found[i].path).filename() != best) remove_directory(found[i].path);
    for (const fs::path& entry : entries_of(all))
      if (const std::string name = entry.filename().string();
          name.starts_with(unfinished_prefix) || is_aside(name))
        remove_tree(entry, error);
    return {};
  } catch (const Error& failed) {
    return failed.one_line();
  }
}

}  // namespace hewn
