#pragma once
// GPU tensors sent as messages, copied through pinned host memory.

#include <deque>

#include "train/ranks/tensors/gpu_transport.h"

namespace hewn {

/// Copies outgoing data to pinned memory, sends it once it has arrived there, and copies incoming data to the
/// GPU. The copies run on the second stream of the GPU.
class StagedTransport final : public GpuTransport {
 public:
  /// Both must outlive the object.
  StagedTransport(Messages& messages, Executor& device) : GpuTransport(messages, device) {}
  ~StagedTransport() override;

  std::unique_ptr<TensorExchange> start(Topic topic, std::vector<TensorSwap> swaps) override;
  int64_t most_under_way() const override { return 4; }

 private:
  class Exchange;
  /// Pinned memory, and the end of the last copy from or to it.
  struct Block {
    std::byte* data = nullptr;
    size_t bytes = 0;
    GpuRuntime::Event copied = nullptr;
  };
  Block block_of(size_t bytes);
  void send_what_is_copied(const Exchange* last);

  std::vector<Block> free_;
  std::deque<Exchange*> copied_;  // swaps whose bytes are being copied from the GPU, oldest first
};

}  // namespace hewn
