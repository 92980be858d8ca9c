#include "core/io/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace hewn {
namespace {

constexpr std::string_view temporary_prefix = ".hewn-tmp-";
constexpr size_t chunk_bytes = size_t{1} << 20;

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string advice(int error, const std::string& path) {
  switch (error) {
    case ENOENT: {
      const std::string directory = directory_of(path);
      std::error_code ignored;
      if (!std::filesystem::exists(directory, ignored)) return "; there is no directory " + directory;
      return "; check the name";
    }
    case EACCES:
    case EPERM: return "; check the permissions of the file and its directory";
    case ENOSPC:
    case EDQUOT: return "; free some space or write elsewhere";
    case EFBIG:
      return "; raise the limit on file sizes (ulimit -f), or write to a file system that can hold files "
             "this large";
    case EROFS: return "; write elsewhere, as this file system is read-only";
    case EIO: return "; the disk may be failing, check the system log";
    case EMFILE: return "; raise the limit with ulimit -n";
    default: return "";
  }
}

[[noreturn]] void fail_errno(ErrorCode code, const std::string& path, std::string_view what, int error) {
  fail(code, path, ": ", what, ": ", std::generic_category().message(error), advice(error, path));
}

/// A file descriptor that is closed with its scope.
struct Descriptor {
  int fd = -1;
  explicit Descriptor(int opened) : fd(opened) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

/// Opens anything but a directory for reading; `status` receives its metadata.
int open_to_read(const std::string& path, struct stat& status, int flags = 0) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags);
  if (fd < 0) fail_errno(ErrorCode::input, path, "cannot be read", errno);
  if (::fstat(fd, &status) != 0 || S_ISDIR(status.st_mode)) {
    ::close(fd);
    fail(ErrorCode::input, path, ": is a directory; expected a file");
  }
  return fd;
}

/// Reads up to `size` bytes; 0 at the end of the file.
size_t read_some(int fd, const std::string& path, void* data, size_t size) {
  for (;;) {
    const ssize_t n = ::read(fd, data, size);
    if (n >= 0) return static_cast<size_t>(n);
    if (errno != EINTR) fail_errno(ErrorCode::input, path, "cannot be read", errno);
  }
}

}  // namespace

MappedFile::MappedFile(std::string path) : path_(std::move(path)) {
  struct stat status {};
  const Descriptor file(
      open_to_read(path_, status, O_NONBLOCK));  // opening a pipe must not wait for its writer
  if (!S_ISREG(status.st_mode)) {
    fail(ErrorCode::input, path_, ": is a pipe or a device; save its content to a regular file first");
  }
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) return;
  void* const mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (mapped == MAP_FAILED) fail_errno(ErrorCode::input, path_, "cannot be mapped into memory", errno);
  data_ = static_cast<const std::byte*>(mapped);
  mapped_ = true;
}

MappedFile MappedFile::in_memory(std::string path, std::string_view bytes) {
  MappedFile file;
  file.path_ = std::move(path);
  file.data_ = reinterpret_cast<const std::byte*>(bytes.data());
  file.size_ = bytes.size();
  return file;
}

MappedFile::~MappedFile() {
  if (mapped_) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, size_t{0})),
      mapped_(std::exchange(other.mapped_, false)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mapped_, other.mapped_);
  return *this;
}

int write_fully(int fd, const void* data, size_t size) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = ::write(fd, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return EIO;
    bytes += n;
    size -= static_cast<size_t>(n);
  }
  return 0;
}

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  static std::atomic<unsigned> counter{0};
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) {
    if (errno != ENOENT) fail_errno(ErrorCode::failed, path_, "cannot be written", errno);
  } else if (!S_ISREG(status.st_mode)) {
    fail(ErrorCode::failed, path_, ": cannot be written: it is ",
         S_ISDIR(status.st_mode) ? "a directory" : "not a regular file", "; choose another name");
  }
  const std::string prefix =
      directory_of(path_) + "/" + std::string(temporary_prefix) + std::to_string(::getpid());
  do {
    temporary_ = prefix + "-" + std::to_string(counter++);
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (fd_ < 0 && (errno == EEXIST || errno == EINTR));
  if (fd_ < 0) fail_errno(ErrorCode::failed, path_, "cannot be created", errno);
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() noexcept {
  if (fd_ < 0) return;
  ::close(std::exchange(fd_, -1));
  ::unlink(temporary_.c_str());
}

void AtomicFile::give_up(int error) {
  discard();
  fail_errno(ErrorCode::failed, path_, "cannot be written", error);
}

void AtomicFile::append(const void* data, size_t size) {
  require(fd_ >= 0, path_, ": append() after commit() or after a failure");
  checksum_.update(data, size);
  size_ += size;
  if (buffer_.size() + size > chunk_bytes) flush();
  if (size >= chunk_bytes) {
    if (const int error = write_fully(fd_, data, size)) give_up(error);
  } else {
    const char* bytes = static_cast<const char*>(data);
    buffer_.insert(buffer_.end(), bytes, bytes + size);
  }
}

void AtomicFile::flush() {
  if (const int error = write_fully(fd_, buffer_.data(), buffer_.size())) give_up(error);
  buffer_.clear();
}

FileSum AtomicFile::commit() {
  require(fd_ >= 0, path_, ": commit() after commit() or after a failure");
  flush();
  if (::fsync(fd_) != 0) give_up(errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) give_up(errno);
  // From here on the file exists under its name. The directory is synced too, because a power cut could
  // otherwise undo the rename. File systems that cannot sync a directory return EINVAL.
  if (::close(std::exchange(fd_, -1)) != 0) fail_errno(ErrorCode::failed, path_, "cannot be written", errno);
  const Descriptor directory(::open(directory_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.fd < 0 || (::fsync(directory.fd) != 0 && errno != EINVAL)) {
    fail_errno(ErrorCode::failed, path_, "its directory cannot be synced", errno);
  }
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
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (!is_temporary(entry.path().filename().string())) continue;
    if (std::filesystem::remove(entry.path(), error)) ++removed;
  }
  return removed;
}

FileSum sum_file(const std::string& path) {
  struct stat status {};
  const Descriptor file(open_to_read(path, status));
  std::vector<char> buffer(chunk_bytes);
  Checksum sum;
  uint64_t size = 0;
  while (const size_t n = read_some(file.fd, path, buffer.data(), buffer.size())) {
    sum.update(buffer.data(), n);
    size += n;
  }
  return {size, sum.value()};
}

std::string read_small_file(const std::string& path, size_t max_bytes) {
  struct stat status {};
  const Descriptor file(open_to_read(path, status));
  std::string content;
  size_t size = 0;
  for (;;) {
    content.resize(std::min(size + 65536, max_bytes + 1));  // one extra byte shows that the file is too long
    const size_t n = read_some(file.fd, path, content.data() + size, content.size() - size);
    size += n;
    if (n == 0) break;
    if (size > max_bytes)
      fail(ErrorCode::input, path, ": is larger than ", max_bytes, " bytes, the most that are accepted here");
  }
  content.resize(size);
  return content;
}

}  // namespace hewn
