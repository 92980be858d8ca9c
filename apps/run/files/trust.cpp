#include "apps/run/files/trust.h"

#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "apps/cli/config_file.h"
#include "apps/run/open_run.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/manifest.h"
#include "core/io/path.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/checkpoint/layout.h"

namespace hewn::cli {
namespace {

constexpr size_t most_bytes = size_t{1} << 20;

bool is_file(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

class Examiner {
 public:
  explicit Examiner(const std::string& run) : run_(run) {}

  Examination examine() {
    for (const CheckpointInfo& checkpoint : list_checkpoints(run_)) examine_checkpoint(checkpoint.path);
    for (const CheckpointInfo& checkpoint : incomplete_checkpoints(run_))
      found(checkpoint.path, "has no MANIFEST");
    examine_configuration();
    for (const auto& [name, damage] : files_) found(run_ + "/" + name, damage);
    list_the_rest();
    return std::move(out_);
  }

 private:
  void found(const std::string& path, const std::string& damage) {
    out_.lines.push_back(path + ": " + (damage.empty() ? "intact" : damage));
    out_.damaged |= !damage.empty();
  }

  void examine_checkpoint(const std::string& path) {
    DirectoryInUse use(path);
    std::string damage = checkpoint_damage(path);
    if (damage.empty()) {
      const Manifest manifest = Manifest::read(path);
      for (const std::string& name : manifest.unlisted(path))
        damage += (damage.empty() ? "" : ", ") + join("holds ", name, ", which MANIFEST does not list");
      for (const auto& [name, sum] : manifest.files_of_run())
        if (std::string& known = files_[name]; known.empty()) known = manifest.damage_of_run(run_, name);
    }
    if (!use.is_there()) return;  // a training has removed it meanwhile
    found(path, damage);
    if (!damage.empty()) return;
    newest_intact_ = path;
    newest_use_ = std::move(use);  // until the configuration has been compared with its copy
  }

  void examine_configuration() {
    const std::string path = run_ + "/" + configuration_file;
    if (newest_intact_.empty() && !is_file(path)) return;
    std::string damage;
    try {
      read_run_config(run_);
      if (!newest_intact_.empty()) changed_since(run_, newest_intact_);
    } catch (const Error& error) {
      damage = error.one_line();
    }
    for (const char* const after : {" ", ": "})  // the path is printed in front of it
      if (const std::string begin = path + after; damage.starts_with(begin)) damage.erase(0, begin.size());
    found(path, damage);
  }

  void list_the_rest() {
    std::set<std::string> names;
    std::error_code error;
    for (const fs::path& entry : entries_of(run_, error)) names.insert(entry.filename().string());
    for (const char* known : {configuration_file, checkpoints_directory, ".lock"}) names.erase(known);
    for (const auto& [name, damage] : files_) names.erase(name);
    out_.not_checked.assign(names.begin(), names.end());
  }

  std::string run_, newest_intact_;
  DirectoryInUse newest_use_;
  std::map<std::string, std::string> files_;  // of the run, by name: their damage
  Examination out_;
};

}  // namespace

std::vector<std::string> changed_since(const std::string& run, const std::string& checkpoint) {
  const std::string own = run + "/" + configuration_file, copy = checkpoint + "/" + configuration_file;
  std::vector<std::string> changes;
  if (!is_file(copy)) return changes;
  if (seal_of(read_small_file(own, most_bytes)) == Seal::none)
    fail(ErrorCode::input, own, " lacks its last line, the checksum of the others; restore the file from ",
         copy, ". To change values, give flags, which the run saves");
  const Settings now = read_run_config(run);
  Settings then(now.command());
  then.fill(read_sealed_config(copy));
  for (const Option* option : options_of(now.command())) {
    const std::string_view key = option->name;
    if (!then.given(key) || same_value(*option, now, then)) continue;
    if (option->change != Change::always)
      fail(ErrorCode::input, own, " has ", key, " = ", now.text(key), ", but ", checkpoint,
           " was trained with ", then.text(key),
           "; they do not belong to the same run. Restore the file, for example from ", copy);
    changes.push_back(join(key, " = ", now.text(key), ", was ", then.text(key)));
  }
  return changes;
}

Examination examine_run(const std::string& run) { return Examiner(run).examine(); }

}  // namespace hewn::cli
