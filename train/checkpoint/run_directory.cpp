#include "train/checkpoint/run_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/io/directory.h"
#include "core/io/file.h"
#include "core/io/path.h"
#include "model/texts/texts.h"
#include "train/checkpoint/layout.h"
#include "train/tasks/task.h"

namespace hewn {
namespace {

constexpr const char* lock_name = ".lock";

constexpr const char* environment_file = "env.json";

/// What Hewn writes in a run's directory before the first checkpoint is complete.
constexpr std::string_view own_files[] = {environment_file, "tokenizer.json",   text_form_file,
                                          task_file,        configuration_file, metrics_file,
                                          "train.log",      "report.html"};
/// How the names begin in a directory that it writes there; null for any other directory.
const char* own_names_in(const std::string& directory) {
  return directory == checkpoints_directory ? unfinished_prefix : directory == "samples" ? "step-" : nullptr;
}

/// Whether env.json is that of a run.
bool has_environment(const fs::path& directory) {
  if (!path_is_file(directory / environment_file)) return false;
  const std::string text = read_small_file((directory / environment_file).string(), size_t{1} << 20);
  const auto json = nlohmann::json::parse(text, nullptr, false);
  return json.is_object() && json.contains("compiled_isas");
}

/// What a process left that ended before its run had a complete checkpoint, the content of a directory before itself.
/// Nothing if the directory holds anything else.
std::optional<std::vector<fs::path>> leftovers_in(const fs::path& directory) {
  std::vector<fs::path> found;
  for (const fs::path& entry : entries_of(directory)) {
    const std::string name = entry.filename().string();
    if (name == lock_name || is_temporary(name)) continue;
    if (path_is_file(entry / configuration_file)) continue;  // another run, such as out/NAME
    if (const char* const own = own_names_in(name)) {
      if (!path_is_directory(entry)) return std::nullopt;
      for (const fs::path& inner : entries_of(entry)) {
        const std::string inside = inner.filename().string();
        if (!inside.starts_with(own) && !is_temporary(inside)) return std::nullopt;
        found.push_back(inner);
      }
    } else if (std::find(std::begin(own_files), std::end(own_files), name) == std::end(own_files)) {
      return std::nullopt;
    }
    found.push_back(entry);
  }
  if (!found.empty() && !has_environment(directory)) return std::nullopt;
  return found;
}

/// Whether a run resumed from `step` keeps a line of its metrics; incomplete and foreign lines are dropped.
bool keeps(const std::string& line, int64_t step, int64_t evaluated_step) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("step") || !json["step"].is_number_integer()) return false;
  return json["step"].get<int64_t>() <= (json.contains("loss") ? step : evaluated_step);
}

}  // namespace

RunDirectory::RunDirectory(const std::string& path, Open how, const std::string& option) : path_(path) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  require(!path_.empty(), option, " is empty");
  const bool exists = path_exists(path_, how == Open::resume ? ErrorCode::input : ErrorCode::failed);
  if (exists && !path_is_directory(path_))
    fail(ErrorCode::usage, option, " ", path_, " is a file, not a directory");
  const auto left = exists ? leftovers_in(path_) : std::vector<fs::path>();
  if (how == Open::resume && left && !path_exists(file(configuration_file)))
    fail(ErrorCode::input, "there is no run in ", path_, " to resume; repeat the command that starts it");
  if (how == Open::fresh) require_new(option);
  if (how == Open::force && !(left && left->empty())) {
    lock();  // fails if another process is writing there
    lock_.close();
    move_aside(path_);
  }
  make_directories(path_);
  lock();
  remove_temporary_files(path_);  // left by a killed process
  if (how == Open::resume) return;
  require_new(option);  // it may have become a run meanwhile
  remove_leftovers();
}

void RunDirectory::require_new(const std::string& option) const {
  if (!path_exists(path_) || leftovers_in(path_)) return;
  fail(ErrorCode::usage, option, " ", path_, " is not empty; ",
       option == "out_dir" && path_exists(file(configuration_file)) ? "resume it with --init_from=resume, "
                                                                    : "",
       "start over with --force (which renames it), or choose another --", option);
}

void RunDirectory::remove_leftovers() const {
  std::error_code error;
  for (const fs::path& path : leftovers_in(path_).value_or(std::vector<fs::path>())) {
    if (path.filename().string().starts_with(unfinished_prefix)) remove_tree(path, error);
    if (path.filename() != environment_file) fs::remove(path, error);
  }
  if (leftovers_in(path_)) fs::remove(file(environment_file), error);  // it tells whose the others are
}

void RunDirectory::discard() const {
  remove_leftovers();
  std::error_code error;
  if (const auto left = leftovers_in(path_); left && left->empty()) fs::remove(file(lock_name), error);
  fs::remove(path_, error);
}

void RunDirectory::lock() {
  lock_ = lock_file(file(lock_name), join("run ", path_,
                                          " is in use by another process; wait for it to end, or "
                                          "choose another --out_dir"));
}

void RunDirectory::with_metrics(int flags, const std::function<int(int fd)>& work) {
  const std::string name = file(metrics_file);
  const Descriptor metrics(retried(::open, name.c_str(), O_WRONLY | O_CLOEXEC | flags, 0666));
  if (!metrics.is_open()) fail_at(ErrorCode::failed, name, "cannot be opened", errno);
  if (const int error = work(metrics.get())) fail_at(ErrorCode::failed, name, "cannot be written", error);
}

void RunDirectory::add_metrics(const std::string& json_line) {
  const bool exists = path_exists(file(metrics_file), ErrorCode::failed);
  const std::string line = json_line + "\n";
  with_metrics(O_CREAT | O_APPEND, [&](int fd) { return write_fully(fd, line.data(), line.size()); });
  if (!exists) sync_directory(path_);
}

void RunDirectory::sync_metrics() {
  if (!path_exists(file(metrics_file), ErrorCode::failed)) return;
  with_metrics(0, [](int fd) { return retried(::fsync, fd) == 0 ? 0 : errno; });
}

void RunDirectory::rewind_metrics(int64_t step, int64_t evaluated_step) {
  const std::string name = file(metrics_file);
  if (!path_exists(name)) return;
  std::istringstream lines(read_small_file(name, SIZE_MAX));
  std::string kept;
  for (std::string line; std::getline(lines, line);)
    if (keeps(line, step, evaluated_step)) kept += line + "\n";
  write_file_atomically(name, kept);
}

}  // namespace hewn
