#include "train/checkpoint/manifest.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "core/error.h"
#include "core/io/checksum.h"

namespace hewn {
namespace fs = std::filesystem;
namespace {

/// Makes renames inside a directory durable.
void sync_directory(const fs::path& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail(ErrorCode::failed, "cannot open ", directory.string(), ": ", std::strerror(errno));
  const int result = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  if (result != 0 && error != EINVAL)  // some file systems cannot, and return EINVAL
    fail(ErrorCode::failed, "cannot sync ", directory.string(), ": ", std::strerror(error));
}

constexpr uint64_t quick_bytes = uint64_t{64} << 20;

/// A temporary name for a directory to be removed, which prune_checkpoints also removes after a crash.
fs::path aside_of(const fs::path& directory) {
  return directory.parent_path() / (".unfinished-old-" + directory.filename().string());
}

/// Exchanges two names atomically. Returns false if the file system cannot.
bool exchange_paths(const fs::path& a, const fs::path& b) {
  return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0;
}

}  // namespace

void Manifest::write(const std::string& directory) const {
  std::ostringstream text;
  for (const auto& [name, sum] : files_)
    text << to_hex(sum.checksum) << "  " << sum.size << "  " << name << "\n";
  write_file_atomically((fs::path(directory) / file_name).string(), text.str());
}

Manifest Manifest::read(const std::string& directory) {
  const std::string path = (fs::path(directory) / file_name).string();
  const Doing context("reading ", path);
  std::istringstream lines(read_small_file(path, 1 << 20));
  Manifest manifest;
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream fields(line);
    std::string sum, name, more;
    uint64_t size = 0;
    if (!(fields >> sum >> size >> name) || fields >> more || name.find('/') != std::string::npos)
      fail(ErrorCode::input, "line ", number, " does not have the form \"checksum  bytes  name\"");
    manifest.add(name, {size, from_hex(sum)});
  }
  if (manifest.files_.empty()) fail(ErrorCode::input, "the file is empty");
  return manifest;
}

std::string Manifest::damage(const std::string& directory, Look look) const {
  for (const auto& [name, expected] : files_) {
    const std::string path = (fs::path(directory) / name).string();
    std::error_code error;
    const auto size = fs::file_size(path, error);
    if (error) return name + " cannot be read: " + error.message();
    if (size != expected.size)
      return name + " has " + std::to_string(size) + " bytes; expected " + std::to_string(expected.size);
    if ((look == Look::whole || size <= quick_bytes) && sum_file(path) != expected)
      return name + " has changed since it was written (its checksum differs)";
  }
  return {};
}

void replace_directory(const std::string& fresh, const std::string& final_name) {
  const fs::path aside = aside_of(final_name);
  sync_directory(fresh);
  std::error_code error, ignored;
  fs::remove_all(aside, error);
  if (fs::exists(final_name, ignored) && exchange_paths(fresh, final_name)) {
    fs::rename(fresh, aside, ignored);
  } else {
    if (fs::exists(final_name, ignored)) fs::rename(final_name, aside, error);
    if (!error) fs::rename(fresh, final_name, error);
  }
  if (error) fail(ErrorCode::failed, "cannot rename ", fresh, " to ", final_name, ": ", error.message());
  sync_directory(fs::path(final_name).parent_path());
  fs::remove_all(aside, ignored);
}

void remove_directory(const std::string& directory) {
  const fs::path aside = aside_of(directory);
  std::error_code error;
  fs::remove_all(aside, error);
  fs::rename(directory, aside, error);
  if (!error) fs::remove_all(aside, error);
}

}  // namespace hewn
