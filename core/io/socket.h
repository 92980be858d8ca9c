#pragma once
// Sockets with non-blocking reads and writes.

#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include "core/base/clock.h"
#include "core/io/descriptor.h"

namespace hewn {

using Socket = Descriptor;

/// Both ends of an unnamed connection within this host: only processes that inherit an end can use it. Child
/// programs inherit neither end unless FD_CLOEXEC is removed. Throws ErrorCode::failed.
std::pair<Socket, Socket> connected_sockets();

/// Reads at most as many bytes as fit the buffer, which must not be empty. Returns their number, 0 if none
/// are available now, and nothing if the other side has closed the connection or vanished.
std::optional<size_t> read_now(const Socket& socket, std::span<std::byte> room);
/// Writes the beginning of `first` followed by `second`. Returns the number of bytes written, 0 if the socket
/// accepts none now, and nothing if the connection has ended.
std::optional<size_t> write_now(const Socket& socket, std::span<const std::byte> first,
                                std::span<const std::byte> second = {});
/// Shuts down writing, waits until the other side has done the same or `deadline` has passed, and closes.
/// Closing a socket with unread bytes would discard bytes that the other side has yet to read.
void close_in_order(Socket& socket, Clock::time_point deadline);

}  // namespace hewn
