#include "apps/run/ranks/launch_watch.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace hewn::cli {
namespace {

constexpr socklen_t before_name =
    offsetof(sockaddr_un, sun_path) + 1;  // a zero marks names that are no files

int new_socket(int more) { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | more, 0); }

// Whether the other end has been closed; nobody writes.
bool is_closed(int connection) {
  char byte;
  return ::recv(connection, &byte, 1, MSG_DONTWAIT) == 0;
}

}  // namespace

LaunchWatch::LaunchWatch() : listener_(new_socket(SOCK_NONBLOCK)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto any = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::bind(listener_, any, sizeof address.sun_family) == 0 && ::listen(listener_, SOMAXCONN) == 0 &&
      ::getsockname(listener_, any, &size) == 0)
    name_.assign(address.sun_path + 1, size - before_name);
}

LaunchWatch::~LaunchWatch() {
  for (const auto& [connection, process] : ranks_) ::close(connection);
  if (listener_ >= 0) ::close(listener_);
}

void LaunchWatch::look() {
  for (int fd; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    ucred other{};
    socklen_t size = sizeof other;
    const bool known = ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &other, &size) == 0;
    if (known && other.uid == ::geteuid())
      ranks_[fd] = other.pid;
    else
      ::close(fd);
  }
  std::erase_if(ranks_, [&](const auto& rank) {
    if (!is_closed(rank.first)) return false;
    ::close(rank.first);
    if (!first_end_) first_end_ = Clock::now();
    return true;
  });
}

void LaunchWatch::kill_ranks() const {
  for (const auto& [connection, process] : ranks_)
    if (!is_closed(connection)) ::kill(process, SIGKILL);
}

void be_watched() {
  const char* const name = std::getenv(LaunchWatch::variable);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t length = name ? std::strlen(name) : 0;
  if (length == 0 || length > sizeof address.sun_path - 1) return;
  std::memcpy(address.sun_path + 1, name, length);
  const int connection = new_socket(0);
  const auto size = before_name + static_cast<socklen_t>(length);
  // Stays open to the end. On another host there is no such name, and nobody watches.
  if (connection >= 0 && ::connect(connection, reinterpret_cast<sockaddr*>(&address), size) != 0)
    ::close(connection);
}

}  // namespace hewn::cli
