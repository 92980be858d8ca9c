#pragma once
// Sockets that are read and written without waiting.

#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include "core/base/clock.h"
#include "core/io/descriptor.h"

namespace hewn {

using Socket = Descriptor;

/// Both ends of a connection within this host, which has no address: only processes that inherit an end can use it.
/// Programs that this process starts inherit none unless FD_CLOEXEC is removed. Throws ErrorCode::failed.
std::pair<Socket, Socket> connected_sockets();

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

}  // namespace hewn
