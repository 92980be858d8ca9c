#pragma once
// Several pending messages.

#include <vector>

#include "train/ranks/messages.h"

namespace hewn {

/// Transfers that are waited for together.
class Transfers {
 public:
  /// `messages` must outlive the object.
  explicit Transfers(Messages& messages) : messages_(messages) {}

  /// Starts one more, as in `Messages`.
  void send(int to, Topic topic, std::span<const std::byte> bytes) {
    open_.push_back(messages_.send(to, topic, bytes));
  }
  void receive(int from, Topic topic, std::span<std::byte> bytes) {
    open_.push_back(messages_.receive(from, topic, bytes));
  }
  /// Whether all are done. Does not wait.
  bool done() {
    std::erase_if(open_, [&](Messages::Transfer transfer) { return messages_.done(transfer); });
    return open_.empty();
  }
  void wait() {
    while (!done()) messages_.rest();
  }

 private:
  Messages& messages_;
  std::vector<Messages::Transfer> open_;  // not known to be done
};

}  // namespace hewn
