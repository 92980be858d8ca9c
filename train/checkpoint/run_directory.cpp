#include "train/checkpoint/run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.h"
#include "core/io/directory.h"
#include "core/io/file.h"
#include "core/io/path.h"
#include "model/texts/texts.h"
#include "train/checkpoint/layout.h"

namespace hewn {
namespace fs = std::filesystem;
namespace {

constexpr const char* lock_name = ".lock";

// What a run writes before its configuration, with which it begins. Removed in this order: the last one tells whose the
// others are.
constexpr const char* first_files[] = {text_form_file, "tokenizer.json", "env.json"};

bool is_first_file(const std::string& name) {
  return std::find(std::begin(first_files), std::end(first_files), name) != std::end(first_files);
}

/// Whether env.json is that of a run.
bool has_environment(const fs::path& directory) {
  if (!path_is_file(directory / "env.json")) return false;
  const std::string text = read_small_file((directory / "env.json").string(), size_t{1} << 20);
  const auto json = nlohmann::json::parse(text, nullptr, false);
  return json.is_object() && json.contains("data_hash");
}

/// Whether a directory holds more than what a process leaves that is killed before its run begins.
bool holds_something(const fs::path& directory) {
  bool has_first_files = false;
  for (const fs::path& entry : entries_of(directory)) {
    const std::string name = entry.filename().string();
    if (name == lock_name || is_temporary(name)) continue;
    if (!is_first_file(name)) return true;
    has_first_files = true;
  }
  return has_first_files && !has_environment(directory);
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
  if (how == Open::resume && !(exists && holds_something(path_)))
    fail(ErrorCode::input, "there is no run in ", path_, " to resume");
  if (how == Open::fresh && exists && holds_something(path_))
    fail(ErrorCode::usage, option, " ", path_, " is not empty; ",
         option == "out_dir" && path_exists(path_ + "/" + configuration_file)
             ? "resume it with --init_from=resume, "
             : "",
         "start over with --force (which keeps it under another name), or choose another --", option);
  if (how == Open::force && exists && holds_something(path_)) {
    lock();  // fails if another process is writing there
    lock_.close();
    move_aside(path_);
  }
  make_directories(path_);
  lock();
  remove_temporary_files(path_);  // left by a killed process
  std::error_code error;
  if (!holds_something(path_))
    for (const char* const name : first_files) fs::remove(file(name), error);
}

void RunDirectory::lock() {
  const std::string name = file(lock_name);
  lock_ = Descriptor(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!lock_.is_open()) fail_at(ErrorCode::failed, name, "cannot be opened", errno);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return;
  if (errno == EWOULDBLOCK)
    fail(ErrorCode::failed, "run ", path_,
         " is in use by another process; wait for it to end, or choose another --out_dir");
  fail_at(ErrorCode::failed, name, "cannot be locked", errno);
}

void RunDirectory::with_metrics(int flags, const std::function<int(int fd)>& work) {
  const std::string name = file(metrics_file);
  const Descriptor metrics(::open(name.c_str(), O_WRONLY | O_CLOEXEC | flags, 0666));
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
  with_metrics(0, [](int fd) { return ::fsync(fd) == 0 ? 0 : errno; });
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
