#pragma once
// Messages between ranks over sockets.

#include <memory>
#include <set>
#include <vector>

#include "core/io/socket.h"
#include "train/ranks/messages.h"
#include "train/ranks/sockets/link.h"

namespace hewn {

/// A rank with a connection to every other one. A rank whose connection has ended is `lost`; transfers with
/// it never finish, those with others do. Errors are ErrorCode::failed and name the rank that violated the
/// protocol.
class SocketMessages final : public Messages {
 public:
  /// `sockets` has a connection for each rank; the one of this rank, `rank`, is not used.
  SocketMessages(int rank, std::vector<Socket> sockets);

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(links_.size()); }
  Transfer send(int to, Topic topic, std::span<const std::byte> bytes) override;
  Transfer receive(int from, Topic topic, std::span<std::byte> bytes) override;
  bool done(Transfer transfer) override;
  void rest() override;
  bool lost(int rank) const override;
  void close(bool in_order) override;

 private:
  Link& link(int rank);
  Transfer next_transfer(int with);

  int rank_;
  std::vector<std::unique_ptr<Link>> links_;  // by rank; null for this one
  std::set<Transfer> finished_;               // and not queried since
  int64_t begun_ = 0;                         // number of transfers
};

}  // namespace hewn
