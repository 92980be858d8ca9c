#include "apps/learn/progress.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"
#include "model/json.h"

namespace hewn::cli::learn {
namespace {

constexpr size_t most_progress_bytes = 1 << 20;

std::string progress_file() { return std::string(lessons_directory) + "/progress.json"; }

/// Locks the directory of lessons against other processes that change the file.
Descriptor lock_lessons() {
  Descriptor lock(retried(::open, lessons_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.is_open()) fail_at(ErrorCode::failed, lessons_directory, "cannot be opened", errno);
  if (retried(::flock, lock.get(), LOCK_EX) != 0)
    fail_at(ErrorCode::failed, lessons_directory, "cannot be locked", errno);
  return lock;
}

}  // namespace

Progress read_progress() {
  Progress progress;
  if (!path_exists(progress_file())) return progress;
  try {
    const Json json = Json::parse(read_small_file(progress_file(), most_progress_bytes));
    for (const Json& chapter : json.at("done")) progress.done.insert(chapter.get<int>());
    for (const auto& [chapter, shown] : json.at("hints").items())
      progress.hints[std::stoi(chapter)] = shown.get<int>();
  } catch (const std::exception& error) {
    fail(ErrorCode::input, progress_file(), ": is not a progress file of `hewn learn` (", json_reason(error),
         "); delete it to start over");
  }
  return progress;
}

void update_progress(void (*change)(Progress&, int), int chapter) {
  make_directories(lessons_directory);
  const Descriptor lock = lock_lessons();
  Progress progress = read_progress();
  change(progress, chapter);
  Json json{{"done", progress.done}, {"hints", Json::object()}};
  for (const auto& [of, shown] : progress.hints) json["hints"][std::to_string(of)] = shown;
  write_file_atomically(progress_file(), json_text(json, 2) + "\n");
}

}  // namespace hewn::cli::learn
