#include "core/io/directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "core/io/path.h"

namespace hewn {
namespace {

Descriptor open_directory(const std::string& path) {
  return Descriptor(retried(::open, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/// Exchanges two names atomically. Returns false if the file system cannot.
bool exchange_paths(const fs::path& a, const fs::path& b) {
  return retried(::renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), unsigned{RENAME_EXCHANGE}) == 0;
}

constexpr std::string_view aside_prefix = ".unfinished.old-";

}  // namespace

fs::path aside_of(const fs::path& directory) {
  return directory.parent_path() / (std::string(aside_prefix) + directory.filename().string());
}

bool is_aside(std::string_view name) { return name.starts_with(aside_prefix); }

bool has_name(int fd, const std::string& path) {
  struct stat opened {
  }, named{};
  return ::fstat(fd, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

void sync_directory(const std::string& directory) {
  const Descriptor opened = open_directory(directory);
  if (!opened.is_open()) fail_at(ErrorCode::failed, directory, "cannot be opened", errno);
  if (retried(::fsync, opened.get()) != 0 && errno != EINVAL)  // some file systems cannot, and return EINVAL
    fail_at(ErrorCode::failed, directory, "cannot be synced", errno);
}

void replace_directory(const std::string& fresh, const std::string& final_name) {
  const fs::path aside = aside_of(final_name);
  fs::path old = aside;
  sync_directory(fresh);
  const bool replaces = path_exists(final_name, ErrorCode::failed);
  std::error_code error, ignored;
  remove_tree(aside, ignored);
  if (!replaces) {
    rename_path(fresh, final_name, error);
  } else if (exchange_paths(fresh, final_name)) {
    rename_path(fresh, aside, ignored);
    if (ignored) old = fresh;
  } else {
    rename_path(final_name, aside, error);
    if (!error) rename_path(fresh, final_name, error);
    if (error) rename_path(aside, final_name, ignored);
  }
  if (error)
    fail_at(ErrorCode::failed, final_name, replaces ? "cannot be replaced" : "cannot be created",
            error.value());
  sync_directory(fs::path(final_name).parent_path());
  remove_tree(old, ignored);
}

std::string move_aside(const std::string& path) {
  std::string aside;
  for (int n = 1; path_exists(path, ErrorCode::failed); ++n) {
    aside = path + "." + std::to_string(n);
    if (path_exists(aside, ErrorCode::failed)) continue;
    std::error_code error;
    rename_path(path, aside, error);
    if (error) fail_at(ErrorCode::failed, path, "cannot be renamed to make room", error.value());
    return aside;
  }
  return "";
}

bool remove_directory(const std::string& directory) {
  Descriptor opened = open_directory(directory);
  const bool in_use =
      opened.is_open() && retried(::flock, opened.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  const fs::path aside = aside_of(directory);
  std::error_code error;
  if (!in_use) {
    remove_tree(aside, error);
    rename_path(directory, aside, error);
  }
  opened.close();  // and with it the lock: under its new name, nobody looks for it
  if (in_use) return false;
  if (!error) {
    // Synced: after a power cut, the name must not lead to a directory that has lost some of its files.
    sync_directory(fs::path(directory).parent_path().string());
    remove_tree(aside, error);
  }
  if (error) fail_at(ErrorCode::failed, directory, "cannot be removed", error.value());
  return true;
}

DirectoryInUse::DirectoryInUse(std::string path) : path_(std::move(path)), directory_(open_directory(path_)) {
  missing_ = !directory_.is_open() && (errno == ENOENT || errno == ENOTDIR);
  if (directory_.is_open()) (void)retried(::flock, directory_.get(), LOCK_SH);
}

bool DirectoryInUse::is_there() const {
  if (!directory_.is_open()) return !missing_;
  struct stat locked {
  }, named{};
  return ::fstat(directory_.get(), &locked) == 0 && ::stat(path_.c_str(), &named) == 0 &&
         locked.st_dev == named.st_dev && locked.st_ino == named.st_ino;
}

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
