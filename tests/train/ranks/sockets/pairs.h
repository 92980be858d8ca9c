#pragma once
// Connections within this process, for tests.

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "core/error.h"
#include "train/ranks/sockets/socket_messages.h"

namespace hewn::test {

/// Transports of ranks that are connected with each other.
inline std::vector<std::unique_ptr<SocketMessages>> connected_ranks(int size) {
  const auto n = static_cast<size_t>(size);
  std::vector<std::vector<Socket>> sockets(n);
  for (auto& row : sockets) row.resize(n);
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < i; ++j) std::tie(sockets[i][j], sockets[j][i]) = connected_sockets();
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
