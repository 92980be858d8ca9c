#pragma once
// Tensors in host memory, which messages read and write directly.

#include "train/ranks/tensors/transport.h"

namespace hewn {

/// Sends tensors in place, without a copy.
class DirectTransport final : public TensorTransport {
 public:
  /// `messages` must outlive the object.
  explicit DirectTransport(Messages& messages) : messages_(messages) {}

  std::unique_ptr<TensorExchange> start(Topic topic, std::vector<TensorSwap> swaps) override;
  int64_t most_under_way() const override;
  bool goes_on() const override { return true; }

 private:
  Messages& messages_;
};

}  // namespace hewn
