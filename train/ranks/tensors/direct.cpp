#include "train/ranks/tensors/direct.h"

#include <limits>

#include "train/ranks/messages.h"

namespace hewn {
namespace {

std::span<std::byte> bytes_of(const Tensor& t) { return {static_cast<std::byte*>(t.data()), t.bytes()}; }

class DirectExchange final : public TensorExchange {
 public:
  DirectExchange(Messages& messages, Topic topic, const std::vector<TensorSwap>& swaps)
      : transfers_(messages) {
    for (const TensorSwap& swap : swaps) {
      transfers_.receive(swap.other, topic, bytes_of(swap.theirs));
      transfers_.send(swap.other, topic, bytes_of(swap.mine));
    }
  }
  bool arrived() override { return transfers_.done(); }
  void wait() override { transfers_.wait(); }

 private:
  Transfers transfers_;
};

}  // namespace

std::unique_ptr<TensorExchange> DirectTransport::start(Topic topic, std::vector<TensorSwap> swaps) {
  return std::make_unique<DirectExchange>(messages_, topic, swaps);
}

int64_t DirectTransport::most_under_way() const { return std::numeric_limits<int64_t>::max(); }

}  // namespace hewn
