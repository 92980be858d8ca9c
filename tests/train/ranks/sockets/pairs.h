#pragma once
// Connections within this process, for tests.

#include <poll.h>

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "core/error.h"
#include "train/ranks/sockets/socket_messages.h"

namespace hewn::test {

/// Waits until there is something to read, at most 10 s.
inline void wait_for_bytes(const Socket& socket) {
  pollfd ready{.fd = socket.get(), .events = POLLIN, .revents = 0};
  require(::poll(&ready, 1, 10'000) == 1, "nothing has arrived in 10 s");
}

/// Both ends of a connection.
inline std::pair<Socket, Socket> connected_pair() {
  Endpoint at{.host = "127.0.0.1", .port = 0};
  const Socket listener = listen_at(at);
  Socket one = start_connecting(at);
  wait_for_bytes(listener);
  Socket other = accept_from(listener);
  require(one.is_open() && other.is_open(), "no connection");
  return {std::move(one), std::move(other)};
}

/// Transports of ranks that are connected with each other.
inline std::vector<std::unique_ptr<SocketMessages>> connected_ranks(int size) {
  const auto n = static_cast<size_t>(size);
  std::vector<std::vector<Socket>> sockets(n);
  for (auto& row : sockets) row.resize(n);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < i; ++j) std::tie(sockets[i][j], sockets[j][i]) = connected_pair();
  std::vector<std::unique_ptr<SocketMessages>> all;
  for (size_t i = 0; i < n; ++i)
    all.push_back(std::make_unique<SocketMessages>(static_cast<int>(i), std::move(sockets[i])));
  return all;
}

/// Asks for the transfers, in turn, until all are done. Throws if that takes longer than a minute.
using Pending = std::vector<std::pair<Messages*, Messages::Transfer>>;
inline void finish(Pending pending) {
  const auto begin = std::chrono::steady_clock::now();
  while (!pending.empty()) {
    std::erase_if(pending, [](const auto& one) { return one.first->done(one.second); });
    require(std::chrono::steady_clock::now() - begin < std::chrono::minutes(1), pending.size(),
            " transfers are not done after a minute");
  }
}

/// Asks for one a while, and returns whether it is done.
inline bool is_done_soon(Messages& messages, Messages::Transfer transfer,
                         std::chrono::milliseconds most = std::chrono::milliseconds(100)) {
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < most)
    if (messages.done(transfer)) return true;
  return false;
}

}  // namespace hewn::test
