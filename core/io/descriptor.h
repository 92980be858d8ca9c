#pragma once
// An open file, directory or socket of the system, closed by its destructor.

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace hewn {

/// Repeats a system call on a file until no signal interrupts it, and returns its result: `retried(::fsync,
/// fd)`. Every such call goes through this function.
template <class Call, class... Arguments>
auto retried(Call call, Arguments... arguments) {
  for (;;)
    if (const auto result = call(arguments...); result != -1 || errno != EINTR) return result;
}

class Descriptor {
 public:
  /// No descriptor.
  Descriptor() = default;
  /// Owns the descriptor that ::open, ::socket or ::dup returned, or none if that is -1.
  explicit Descriptor(int opened) noexcept : fd_(opened) {}
  /// Closes the descriptor; errno is unchanged.
  ~Descriptor() {
    const int error = errno;
    close();
    errno = error;
  }
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  bool is_open() const { return fd_ >= 0; }
  /// -1 if it is not open.
  int get() const { return fd_; }
  /// Gives up the descriptor; the caller closes it.
  int release() { return std::exchange(fd_, -1); }
  /// Closes the descriptor if it is open. Returns 0 or the errno; after an error, the file may have been
  /// written only in part. Do not call it again after EINTR: the descriptor is closed, and another thread may
  /// have opened its number.
  int close() noexcept { return !is_open() || ::close(release()) == 0 || errno == EINTR ? 0 : errno; }

 private:
  int fd_ = -1;
};

}  // namespace hewn
