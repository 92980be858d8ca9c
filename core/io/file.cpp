#include "core/io/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "core/error.h"
#include "core/io/directory.h"
#include "core/io/file_kind.h"
#include "core/io/path.h"

namespace hewn {
namespace {

constexpr std::string_view temporary_prefix = ".hewn-tmp-";
constexpr size_t chunk_bytes = size_t{1} << 20;

/// A file descriptor that is closed with its scope.
/// The name of the temporary file for `path`. The same path has the same name, so that the next process that writes this
/// file finds what a killed one left.
std::string temporary_of(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
  if (name.size() > 200) name = to_hex(checksum(name));  // names have at most 255 bytes
  return directory_of(path) + "/" + std::string(temporary_prefix) + name;
}

/// Removes a temporary file that no process has locked, because the one that wrote it was killed.
bool remove_abandoned(const std::string& name) {
  const Descriptor file(retried(::open, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  // The name may have come to mean another file before this one was locked, by a process that removed or renamed it.
  return file.is_open() && retried(::flock, file.get(), LOCK_EX | LOCK_NB) == 0 &&
         has_name(file.get(), name) && retried(::unlink, name.c_str()) == 0;
}

/// Creates a temporary file and locks it until it is closed. Returns none and sets errno if that fails: to EEXIST if
/// another process is writing it.
Descriptor create_temporary(const std::string& name) {
  for (;;) {
    Descriptor file(retried(::open, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!file.is_open()) {
      if (errno != EEXIST) return file;
      if (remove_abandoned(name)) continue;
      errno = EEXIST;
      return file;
    }
    // Before it was locked, another process may have taken it for an abandoned one. Where files cannot be locked, none is
    // ever removed.
    const bool locked = retried(::flock, file.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    struct stat status {};
    if (locked && (::fstat(file.get(), &status) != 0 || status.st_nlink > 0)) return file;
  }
}

/// Whether opening a pipe waits for its writer.
enum class Pipes : uint8_t { wait, pass };

/// Opens anything but a directory for reading; `status` receives its metadata.
Descriptor open_to_read(const std::string& path, struct stat& status, Pipes pipes) {
  Descriptor file(
      retried(::open, path.c_str(), O_RDONLY | O_CLOEXEC | (pipes == Pipes::pass ? O_NONBLOCK : 0)));
  if (!file.is_open() || ::fstat(file.get(), &status) != 0)
    fail_at(ErrorCode::input, path, "cannot be read", errno);
  if (S_ISDIR(status.st_mode))
    fail(ErrorCode::input, path, ": is a directory; expected a file", texts_inside(path));
  return file;
}

/// The same, but refuses pipes.
Descriptor open_file(const std::string& path, struct stat& status) {
  Descriptor file = open_to_read(path, status, Pipes::pass);
  if (S_ISFIFO(status.st_mode)) fail(ErrorCode::input, path, ": is a pipe; expected a file");
  return file;
}

/// Reads up to `size` bytes; 0 at the end of the file.
size_t read_some(int fd, const std::string& path, void* data, size_t size) {
  const ssize_t n = retried(::read, fd, data, size);
  if (n < 0) fail_at(ErrorCode::input, path, "cannot be read", errno);
  return static_cast<size_t>(n);
}

std::string read_whole(int fd, const std::string& path, size_t max_bytes) {
  std::string content;
  size_t size = 0;
  for (;;) {
    const size_t left = max_bytes - size;
    content.resize(size +
                   (left < 65536 ? left + 1 : 65536));  // one extra byte shows that the file is too long
    const size_t n = read_some(fd, path, content.data() + size, content.size() - size);
    size += n;
    if (n == 0) break;
    if (const std::string_view begun(content.data(), size); size == n && !is_html(begun))
      refuse_foreign_kind(path, begun);
    if (size > max_bytes)
      fail(ErrorCode::input, path, ": is larger than ", max_bytes, " bytes, the maximum here");
  }
  content.resize(size);
  return content;
}

}  // namespace

MappedFile::MappedFile(std::string path) : path_(std::move(path)) {
  struct stat status {};
  Descriptor file = open_to_read(path_, status, Pipes::pass);
  if (!S_ISREG(status.st_mode)) {
    fail(ErrorCode::input, path_, ": is a pipe or a device; save its content to a regular file first");
  }
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) return;
  void* const mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapped == MAP_FAILED) fail_at(ErrorCode::input, path_, "cannot be mapped into memory", errno);
  data_ = static_cast<const std::byte*>(mapped);
  mapped_ = true;
  watched_ = WatchedMapping(path_, std::move(file), data_, size_);
}

MappedFile MappedFile::in_memory(std::string path, std::string_view bytes) {
  MappedFile file;
  file.path_ = std::move(path);
  file.data_ = reinterpret_cast<const std::byte*>(bytes.data());
  file.size_ = bytes.size();
  return file;
}

MappedFile::~MappedFile() {
  if (!mapped_) return;
  watched_.end();
  ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, size_t{0})),
      mapped_(std::exchange(other.mapped_, false)),
      watched_(std::exchange(other.watched_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mapped_, other.mapped_);
  std::swap(watched_, other.watched_);
  return *this;
}

int write_fully(int fd, const void* data, size_t size) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = retried(::write, fd, bytes, size);
    if (n < 0) return errno;
    if (n == 0) return EIO;
    bytes += n;
    size -= static_cast<size_t>(n);
  }
  return 0;
}

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) {
    if (errno != ENOENT) fail_at(ErrorCode::failed, path_, "cannot be written", errno);
  } else if (!S_ISREG(status.st_mode)) {
    fail(ErrorCode::failed, path_, ": cannot be written: it is ",
         S_ISDIR(status.st_mode) ? "a directory" : "not a regular file", "; choose another name");
  }
  const std::string name = temporary_of(path_);
  temporary_ = name;
  for (int writers = 1;; ++writers) {  // of the same file, at the same time
    file_ = create_temporary(temporary_);
    if (file_.is_open() || errno != EEXIST) break;
    temporary_ = name + "-" + std::to_string(writers);
  }
  if (!file_.is_open()) fail_at(ErrorCode::failed, path_, "cannot be created", errno);
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() noexcept {
  if (!file_.is_open()) return;
  file_.close();
  retried(::unlink, temporary_.c_str());
}

void AtomicFile::give_up(int error) {
  discard();
  fail_at(ErrorCode::failed, path_, "cannot be written", error);
}

void AtomicFile::append(const void* data, size_t size) {
  require(file_.is_open(), path_, ": append() after commit() or after a failure");
  checksum_.update(data, size);
  size_ += size;
  if (buffer_.size() + size > chunk_bytes) flush();
  if (size >= chunk_bytes) {
    if (const int error = write_fully(file_.get(), data, size)) give_up(error);
  } else {
    const char* bytes = static_cast<const char*>(data);
    buffer_.insert(buffer_.end(), bytes, bytes + size);
  }
}

void AtomicFile::flush() {
  if (const int error = write_fully(file_.get(), buffer_.data(), buffer_.size())) give_up(error);
  buffer_.clear();
}

FileSum AtomicFile::commit() {
  require(file_.is_open(), path_, ": commit() after commit() or after a failure");
  check_newly_lost_pages();
  flush();
  if (retried(::fsync, file_.get()) != 0) give_up(errno);
  if (retried(::rename, temporary_.c_str(), path_.c_str()) != 0) give_up(errno);
  // From here on the file exists under its name. The directory is synced too, because a power cut could
  // otherwise undo the rename.
  if (const int error = file_.close()) fail_at(ErrorCode::failed, path_, "cannot be written", error);
  sync_directory(directory_of(path_));
  return sum();
}

FileSum write_file_atomically(const std::string& path, std::string_view content) {
  AtomicFile file(path);
  file.append(content);
  return file.commit();
}

bool is_temporary(std::string_view name) { return name.starts_with(temporary_prefix); }

int remove_temporary_files(const std::string& directory) {
  int removed = 0;
  std::error_code error;
  for (const auto& entry : entries_of(directory, error)) {
    if (!is_temporary(entry.filename().string())) continue;
    std::error_code kept;
    if (fs::remove(entry, kept)) ++removed;
  }
  return removed;
}

FileSum sum_file(const std::string& path, uint64_t most_bytes) {
  struct stat status {};
  const Descriptor file = open_file(path, status);
  std::vector<char> buffer(chunk_bytes);
  Checksum sum;
  uint64_t size = 0;
  for (;;) {
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(buffer.size(), most_bytes - size));
    const size_t n = read_some(file.get(), path, buffer.data(), wanted);
    if (n == 0) break;
    sum.update(buffer.data(), n);
    size += n;
  }
  return {size, sum.value()};
}

std::string read_small_file(const std::string& path, size_t max_bytes) {
  struct stat status {};
  const Descriptor file = open_file(path, status);
  return read_whole(file.get(), path, max_bytes);
}

std::string read_given_file(const std::string& path, size_t max_bytes) {
  struct stat status {};
  const Descriptor file = open_to_read(path, status, Pipes::wait);
  return read_whole(file.get(), path, max_bytes);
}

Descriptor lock_file(const std::string& path, const std::string& in_use) {
  Descriptor lock(retried(::open, path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!lock.is_open()) fail_at(ErrorCode::failed, path, "cannot be opened", errno);
  if (retried(::flock, lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) fail(ErrorCode::failed, in_use);
  fail_at(ErrorCode::failed, path, "cannot be locked", errno);
}

}  // namespace hewn
