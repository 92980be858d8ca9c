#pragma once
// An open file, directory or socket of the system, which is closed with its owner.

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace hewn {

/// The result of a system call on a file, which is repeated while a signal interrupts it: `retried(::fsync, fd)`. All such
/// calls are made by this function.
template <class Call, class... Arguments>
auto retried(Call call, Arguments... arguments) {
  for (;;)
    if (const auto result = call(arguments...); result != -1 || errno != EINTR) return result;
}

class Descriptor {
 public:
  /// None.
  Descriptor() = default;
  /// Takes over what ::open, ::socket or ::dup returned, -1 included.
  explicit Descriptor(int opened) noexcept : fd_(opened) {}
  /// Closes it; errno stays as it is.
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
  /// Leaves closing to the caller.
  int release() { return std::exchange(fd_, -1); }
  /// Closes it now, if it is open. Returns 0 or the errno: a file may have been written only in part. A signal does not keep
  /// it open, so that a second call would close what another thread has opened.
  int close() noexcept { return !is_open() || ::close(release()) == 0 || errno == EINTR ? 0 : errno; }

 private:
  int fd_ = -1;
};

}  // namespace hewn
