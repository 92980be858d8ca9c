#include "core/io/socket.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

#include "core/base/clock.h"
#include "core/error.h"

namespace hewn {
namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

/// What the system knows of a name and a port, which may be 0; `problem` is the code of getaddrinfo. Throws if memory ends.
AddressList addresses_of(const std::string& host, uint16_t port, int flags, int& problem) {
  addrinfo hints{};
  hints.ai_flags = flags | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  problem = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (problem == EAI_MEMORY) throw std::bad_alloc();
  return {problem == 0 ? found : nullptr, &::freeaddrinfo};
}

/// The numeric form of an address; "" if it has none.
std::string numeric(const sockaddr* address, socklen_t bytes) {
  std::array<char, NI_MAXHOST> text{};
  const int problem = ::getnameinfo(address, bytes, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
  return problem == 0 ? text.data() : "";
}

Socket new_socket(int family, int type) {
  return Socket(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

void send_at_once(const Socket& socket) {
  const int on = 1;  // a grant that waited for more bytes would delay the message that it allows
  (void)::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

bool means_later(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ENOBUFS || error == ENOMEM;
}

/// The address that a packet to this one would come from; "" if no way leads there. None is sent.
std::string source_for(const sockaddr* address, socklen_t bytes) {
  const Socket socket = new_socket(address->sa_family, SOCK_DGRAM);
  sockaddr_storage own{};
  socklen_t own_bytes = sizeof own;
  auto* const as_any = reinterpret_cast<sockaddr*>(&own);
  const bool found = socket.is_open() && ::connect(socket.get(), address, bytes) == 0 &&
                     ::getsockname(socket.get(), as_any, &own_bytes) == 0;
  return found ? numeric(as_any, own_bytes) : "";
}

/// An IPv4 address of an interface that leads out of this host; "" if there is none.
std::string address_of_interface() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return "";
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(all, &::freeifaddrs);
  for (const ifaddrs* one = all; one; one = one->ifa_next) {
    const bool leads_out = (one->ifa_flags & IFF_UP) != 0 && (one->ifa_flags & IFF_LOOPBACK) == 0;
    if (leads_out && one->ifa_addr && one->ifa_addr->sa_family == AF_INET)
      return numeric(one->ifa_addr, sizeof(sockaddr_in));
  }
  return "";
}

}  // namespace

Socket listen_at(Endpoint& at) {
  int problem = 0;
  const AddressList found = addresses_of(at.host, 0, AI_NUMERICHOST, problem);
  if (!found) fail(ErrorCode::failed, at.host, ": is no address of this host: ", ::gai_strerror(problem));
  Socket socket = new_socket(found->ai_family, SOCK_STREAM);
  sockaddr_storage own{};
  socklen_t bytes = sizeof own;
  if (!socket.is_open() || ::bind(socket.get(), found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(socket.get(), SOMAXCONN) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own), &bytes) != 0)
    fail(ErrorCode::failed, at.host, ": cannot listen for other processes there: ", std::strerror(errno));
  at.port = ntohs(own.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(own).sin6_port
                                            : reinterpret_cast<const sockaddr_in&>(own).sin_port);
  return socket;
}

Socket accept_from(const Socket& listener) {
  Socket socket(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket.is_open()) send_at_once(socket);
  return socket;
}

Socket start_connecting(const Endpoint& to) {
  int problem = 0;
  const AddressList found = addresses_of(to.host, to.port, AI_NUMERICHOST, problem);
  if (!found) return {};
  Socket socket = new_socket(found->ai_family, SOCK_STREAM);
  if (!socket.is_open()) return {};
  send_at_once(socket);
  if (::connect(socket.get(), found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) return {};
  return socket;
}

std::optional<bool> is_connected(const Socket& socket) {
  pollfd ready{.fd = socket.get(), .events = POLLOUT, .revents = 0};
  if (::poll(&ready, 1, 0) <= 0) return false;
  int error = 0;
  socklen_t bytes = sizeof error;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &bytes) != 0 || error != 0)
    return std::nullopt;
  return true;
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

std::string address_towards(const std::string& host) {
  int problem = 0;
  // 192.0.2.1 is reserved for examples (RFC 5737): only the default route leads there.
  const AddressList found = addresses_of(host.empty() ? "192.0.2.1" : host, 9, 0, problem);
  require(problem == 0 || host.empty(), host, ": the host is unknown: ", ::gai_strerror(problem));
  std::string source;
  for (const addrinfo* one = found.get(); one && source.empty(); one = one->ai_next)
    source = source_for(one->ai_addr, one->ai_addrlen);
  if (host.empty() && source.empty()) source = address_of_interface();
  if (host.empty() && source.empty()) source = "127.0.0.1";
  if (source.empty()) fail(ErrorCode::failed, host, ": this host has no network that leads there");
  return source;
}

}  // namespace hewn
