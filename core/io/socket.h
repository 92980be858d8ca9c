#pragma once
// TCP sockets that never wait.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "core/base/clock.h"
#include "core/io/descriptor.h"

namespace hewn {

using Socket = Descriptor;

/// Where a socket listens.
struct Endpoint {
  std::string host;  ///< a numeric address, IPv4 or IPv6
  uint16_t port = 0;

  bool operator==(const Endpoint&) const = default;
};

/// Listens at a numeric address of this host, at a free port, which is written to `at.port`. Throws ErrorCode::failed.
Socket listen_at(Endpoint& at);
/// The next connection to a listening socket; none if nobody has called, or if the system can open no more now.
Socket accept_from(const Socket& listener);
/// Starts to connect; `is_connected` says when that has succeeded. None if it cannot succeed.
Socket start_connecting(const Endpoint& to);
/// Whether a connection that was started stands; nothing if it has failed.
std::optional<bool> is_connected(const Socket& socket);

/// Reads at most as many bytes as there is room for, which must not be 0. Returns their number, 0 if none are there now,
/// and nothing if the other side has closed the connection or vanished.
std::optional<size_t> read_now(const Socket& socket, std::span<std::byte> room);
/// Writes the beginning of `first` followed by `second`. Returns the number of bytes, 0 if there is no room for any now,
/// and nothing if the connection has ended.
std::optional<size_t> write_now(const Socket& socket, std::span<const std::byte> first,
                                std::span<const std::byte> second = {});
/// Says that nothing more will be written, waits until the other side has said the same, at most until `deadline`, and
/// closes. A socket that is closed while bytes from the other side are unread would discard what that has not read yet.
void close_in_order(Socket& socket, Clock::time_point deadline);

/// The numeric address under which this host is reached from the network that leads to `host`, a name or an address; "" for
/// `host`: that of the default route, or of any interface, or the loopback address if there is no other. Throws usage if
/// the name is unknown, ErrorCode::failed if no way leads there.
std::string address_towards(const std::string& host);

}  // namespace hewn
