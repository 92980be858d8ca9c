#include "core/io/socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace hewn {
namespace {

bool means_later(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

std::pair<Socket, Socket> connected_sockets() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0)
    fail(ErrorCode::failed, "cannot connect two processes: ", std::strerror(errno));
  return {Socket(ends[0]), Socket(ends[1])};
}

std::optional<size_t> read_now(const Socket& socket, std::span<std::byte> room) {
  const ssize_t n = ::recv(socket.get(), room.data(), room.size(), 0);
  if (n > 0) return static_cast<size_t>(n);
  if (n < 0 && means_later(errno)) return 0;
  return std::nullopt;
}

std::optional<size_t> write_now(const Socket& socket, std::span<const std::byte> first,
                                std::span<const std::byte> second) {
  // The bytes are only read; iovec serves readv as well.
  std::array<iovec, 2> parts{{{const_cast<std::byte*>(first.data()), first.size()},
                              {const_cast<std::byte*>(second.data()), second.size()}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  const ssize_t n = ::sendmsg(socket.get(), &message, MSG_NOSIGNAL);
  if (n >= 0) return static_cast<size_t>(n);
  if (means_later(errno)) return 0;
  return std::nullopt;
}

void close_in_order(Socket& socket, Clock::time_point deadline) {
  using namespace std::chrono;
  ::shutdown(socket.get(), SHUT_WR);
  std::array<std::byte, 4096> unread;
  for (auto now = steady_clock::now(); now < deadline; now = steady_clock::now()) {
    const auto n = read_now(socket, unread);
    if (!n) break;
    if (*n > 0) continue;
    pollfd ready{.fd = socket.get(), .events = POLLIN, .revents = 0};
    (void)::poll(&ready, 1, static_cast<int>(duration_cast<milliseconds>(deadline - now).count()) + 1);
  }
  socket.close();
}

}  // namespace hewn
