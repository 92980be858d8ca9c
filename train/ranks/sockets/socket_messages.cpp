#include "train/ranks/sockets/socket_messages.h"

#include <poll.h>

#include <algorithm>

#include "core/base/clock.h"
#include "core/error.h"

namespace hewn {

using namespace std::chrono_literals;

SocketMessages::SocketMessages(int rank, std::vector<Socket> sockets) : rank_(rank) {
  for (size_t other = 0; other < sockets.size(); ++other) {
    const int number = static_cast<int>(other);
    links_.push_back(number == rank ? nullptr : std::make_unique<Link>(number, std::move(sockets[other])));
  }
}

Link& SocketMessages::link(int rank) {
  require(rank >= 0 && rank < size() && rank != rank_, "rank ", rank_, " has no connection to rank ", rank);
  return *links_[static_cast<size_t>(rank)];
}

/// A number that says which rank the transfer is with.
Messages::Transfer SocketMessages::next_transfer(int with) { return begun_++ * size() + with; }

Messages::Transfer SocketMessages::send(int to, Topic topic, std::span<const std::byte> bytes) {
  const Transfer transfer = next_transfer(to);
  link(to).send(transfer, topic, bytes);
  link(to).advance(finished_);
  return transfer;
}

Messages::Transfer SocketMessages::receive(int from, Topic topic, std::span<std::byte> bytes) {
  const Transfer transfer = next_transfer(from);
  link(from).receive(transfer, topic, bytes);
  link(from).advance(finished_);
  return transfer;
}

bool SocketMessages::done(Transfer transfer) {
  if (finished_.erase(transfer) > 0) return true;
  link(static_cast<int>(transfer % size())).advance(finished_);
  return finished_.erase(transfer) > 0;
}

void SocketMessages::rest() {
  if (!finished_.empty()) return;
  std::vector<pollfd> ready;
  for (const auto& link : links_)
    if (link && !link->lost())
      ready.push_back({.fd = link->fd(),
                       .events = static_cast<short>(POLLIN | (link->has_output() ? POLLOUT : 0)),
                       .revents = 0});
  const bool waits = std::ranges::none_of(links_, [](const auto& link) { return link && link->has_offer(); });
  // Who waits for a rank that is lost looks for that at intervals.
  (void)::poll(ready.data(), ready.size(), waits ? 10 : 0);
  for (const auto& link : links_)
    if (link) link->advance(finished_);
}

bool SocketMessages::lost(int rank) const {
  const auto& link = links_[static_cast<size_t>(rank)];
  return link && link->lost();
}

void SocketMessages::close(bool in_order) {
  const auto deadline = Clock::now() + 1s;
  for (const auto& link : links_)
    if (link) link->close(in_order, deadline);
}

}  // namespace hewn
