#include "core/io/unfinished_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "core/error.h"
#include "core/io/directory.h"
#include "core/io/path.h"

namespace hewn {
namespace {

/// Opens a directory and locks it until it is closed: none, and errno, if another process has done so, or if there is no
/// directory.
Descriptor lock_directory(const std::string& path) {
  Descriptor directory(retried(::open, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (directory.is_open() && retried(::flock, directory.get(), LOCK_EX | LOCK_NB) != 0 &&
      errno == EWOULDBLOCK)
    return {};
  return directory;
}

void remove_content(const std::string& directory) {
  std::error_code error;
  for (const fs::path& entry : entries_of(directory, error)) {
    std::error_code ignored;
    remove_tree(entry, ignored);
  }
}

}  // namespace

UnfinishedDirectory::UnfinishedDirectory(const std::string& path, const std::string& in_use) {
  while (!begin(path, in_use)) {
  }
}

/// Returns false if another process renamed or removed the directory before it was locked.
bool UnfinishedDirectory::begin(const std::string& path, const std::string& in_use) {
  const bool created = retried(::mkdir, path.c_str(), 0777U) == 0;
  if (!created && errno != EEXIST) fail_at(ErrorCode::failed, path, "cannot be created", errno);
  Descriptor lock = lock_directory(path);
  if (!lock.is_open()) {
    const int error = errno;
    if (error == ENOENT) return false;
    if (error == EWOULDBLOCK) fail(ErrorCode::failed, in_use);
    if (created) (void)retried(::rmdir, path.c_str());
    fail_at(ErrorCode::failed, path, "cannot be opened", error);
  }
  if (!has_name(lock.get(), path)) return false;
  lock_ = std::move(lock);
  path_ = path;
  remove_content(path);
  return true;
}

UnfinishedDirectory::~UnfinishedDirectory() {
  std::error_code ignored;
  if (!path_.empty()) remove_tree(path_, ignored);
}

void remove_unfinished_directory(const std::string& path) {
  const Descriptor lock = lock_directory(path);
  std::error_code ignored;
  if (lock.is_open()) remove_tree(path, ignored);
}

}  // namespace hewn
