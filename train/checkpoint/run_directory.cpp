#include "train/checkpoint/run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/io/file.h"

namespace hewn {
namespace fs = std::filesystem;
namespace {

constexpr const char* lock_name = ".lock";
constexpr const char* metrics_name = "metrics.jsonl";

bool holds_something(const fs::path& directory) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error))
    if (const std::string name = entry.path().filename().string(); name != lock_name && !is_temporary(name))
      return true;
  return false;
}

/// Whether a run resumed from `step` keeps a line of its metrics; incomplete and foreign lines are dropped.
bool keeps(const std::string& line, int64_t step, int64_t evaluated_step) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("step") || !json["step"].is_number_integer()) return false;
  return json["step"].get<int64_t>() <= (json.contains("loss") ? step : evaluated_step);
}

/// Renames a directory to the first free one of PATH.1, PATH.2, ...
void move_aside(const fs::path& path) {
  for (int n = 1;; ++n) {
    const fs::path aside = path.string() + "." + std::to_string(n);
    std::error_code error;
    if (fs::exists(aside, error)) continue;
    fs::rename(path, aside, error);
    if (error)
      fail(ErrorCode::failed, "cannot rename the existing run ", path.string(),
           " to make room: ", error.message());
    return;
  }
}

}  // namespace

RunDirectory::RunDirectory(const std::string& path, Open how, const std::string& option) : path_(path) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  require(!path_.empty(), option, " is empty");
  std::error_code error;
  const bool exists = fs::exists(path_, error);
  if (exists && !fs::is_directory(path_, error))
    fail(ErrorCode::usage, option, " ", path_, " is a file, not a directory");
  if (how == Open::resume && !(exists && holds_something(path_)))
    fail(ErrorCode::input, "there is no run in ", path_, " to resume");
  if (how == Open::fresh && exists && holds_something(path_))
    fail(ErrorCode::usage, option, " ", path_, " is not empty; ",
         option == "out_dir" ? "resume it with --init_from=resume, " : "",
         "start over with --force (which keeps it under another name), or choose another --", option);
  if (how == Open::force && exists && holds_something(path_)) {
    lock();  // fails if another process is writing there
    ::close(lock_);
    lock_ = -1;
    move_aside(path_);
  }
  fs::create_directories(path_, error);
  if (error) fail(ErrorCode::failed, "cannot create ", option, " ", path_, ": ", error.message());
  lock();
  remove_temporary_files(path_);  // left by a killed process
}

RunDirectory::~RunDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

void RunDirectory::lock() {
  const std::string name = file(lock_name);
  lock_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) fail(ErrorCode::failed, "cannot open ", name, ": ", std::strerror(errno));
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
  const int error = errno;
  ::close(lock_);
  lock_ = -1;
  if (error == EWOULDBLOCK)
    fail(ErrorCode::failed, "run ", path_,
         " is in use by another process; wait for it to end, or choose another --out_dir");
  fail(ErrorCode::failed, "cannot lock ", name, ": ", std::strerror(error));
}

void RunDirectory::add_metrics(const std::string& json_line) {
  const std::string line = json_line + "\n", name = file(metrics_name);
  const int fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) fail(ErrorCode::failed, "cannot open ", name, ": ", std::strerror(errno));
  const int error = write_fully(fd, line.data(), line.size());
  ::close(fd);
  if (error) fail(ErrorCode::failed, "cannot write ", name, ": ", std::strerror(error));
}

void RunDirectory::rewind_metrics(int64_t step, int64_t evaluated_step) {
  std::ifstream in(file(metrics_name));
  if (!in) return;
  std::string kept, line;
  while (std::getline(in, line))
    if (keeps(line, step, evaluated_step)) kept += line + "\n";
  write_file_atomically(file(metrics_name), kept);
}

}  // namespace hewn
