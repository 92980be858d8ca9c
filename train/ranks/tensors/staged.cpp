#include "train/ranks/tensors/staged.h"

#include <algorithm>

#include "core/error.h"
#include "kernels/devices/beside.h"
#include "train/ranks/messages.h"

namespace hewn {

/// In three steps: copies from the GPU, messages, copies to it.
class StagedTransport::Exchange final : public TensorExchange {
 public:
  Exchange(StagedTransport& transport, Topic topic, std::vector<TensorSwap> swaps)
      : transport_(transport), topic_(topic), swaps_(std::move(swaps)), transfers_(transport.messages_) {
    size_t bytes = 0;
    for (const TensorSwap& swap : swaps_) bytes += swap.mine.bytes() + swap.theirs.bytes();
    block_ = transport_.block_of(bytes);
    Beside beside(transport_.device_);
    beside.follow();
    each_swap([&](const TensorSwap& swap, std::byte* mine, std::byte* theirs) {
      if (swap.mine.bytes() > 0) transport_.gpu_.copy_out(mine, swap.mine.data(), swap.mine.bytes());
      transfers_.receive(swap.other, topic_, {theirs, swap.theirs.bytes()});
    });
    transport_.gpu_.record(block_.copied);
    transport_.copied_.push_back(this);
  }
  ~Exchange() override {
    std::erase(transport_.copied_, this);
    transport_.free_.push_back(block_);
  }

  bool arrived() override {
    if (over_) return true;
    transport_.send_what_is_copied(nullptr);
    if (!sent_ || !transfers_.done()) return false;
    copy_in();
    return true;
  }
  void wait() override {
    if (over_) return;
    transport_.send_what_is_copied(this);
    transfers_.wait();
    copy_in();
  }

  bool is_copied() const { return transport_.gpu_.reached(block_.copied); }
  void wait_for_copies() const { transport_.gpu_.wait(block_.copied); }
  void send() {
    each_swap([&](const TensorSwap& swap, std::byte* mine, std::byte*) {
      transfers_.send(swap.other, topic_, {mine, swap.mine.bytes()});
    });
    sent_ = true;
  }

 private:
  /// Calls `use` with each swap and the places of what is sent and received.
  template <class Use>
  void each_swap(const Use& use) const {
    std::byte* at = block_.data;
    for (const TensorSwap& swap : swaps_) {
      use(swap, at, at + swap.mine.bytes());
      at += swap.mine.bytes() + swap.theirs.bytes();
    }
  }
  void copy_in() {
    const Beside beside(transport_.device_);
    each_swap([&](const TensorSwap& swap, std::byte*, std::byte* theirs) {
      if (swap.theirs.bytes() > 0) transport_.gpu_.copy_in(swap.theirs.data(), theirs, swap.theirs.bytes());
    });
    transport_.gpu_.record(block_.copied);
    over_ = true;
  }

  StagedTransport& transport_;
  Topic topic_;
  std::vector<TensorSwap> swaps_;
  Transfers transfers_;
  Block block_;
  bool sent_ = false, over_ = false;
};

StagedTransport::~StagedTransport() {
  for (const Block& block : free_) {
    gpu_.drop_event(block.copied);
    gpu_.release_pinned(block.data);
  }
}

std::unique_ptr<TensorExchange> StagedTransport::start(Topic topic, std::vector<TensorSwap> swaps) {
  return std::make_unique<Exchange>(*this, topic, std::move(swaps));
}

/// Sends the bytes of exchanges that have been copied from the GPU, in the order in which these were started, as the other
/// ranks expect them. Waits for those up to `last`, unless that is null.
void StagedTransport::send_what_is_copied(const Exchange* last) {
  bool waits = std::ranges::find(copied_, last) != copied_.end();
  for (; !copied_.empty() && (waits || copied_.front()->is_copied()); copied_.pop_front()) {
    Exchange* const first = copied_.front();
    if (waits) first->wait_for_copies();
    first->send();
    waits = waits && first != last;
  }
}

/// A free block of at least this size, the smallest that has one; what was copied through it has left it.
StagedTransport::Block StagedTransport::block_of(size_t bytes) {
  const auto fits = [&](const Block& block) { return block.bytes >= bytes; };
  auto best = std::ranges::find_if(free_, fits);
  for (auto at = best; at != free_.end(); ++at)
    if (fits(*at) && at->bytes < best->bytes) best = at;
  if (best != free_.end()) {
    const Block block = *best;
    free_.erase(best);
    gpu_.wait(block.copied);
    return block;
  }
  Block block{.data = static_cast<std::byte*>(gpu_.allocate_pinned(std::max<size_t>(bytes, 1))),
              .bytes = bytes,
              .copied = nullptr};
  if (!block.data)
    fail(ErrorCode::memory, "out of host memory: ", bytes,
         " bytes of pinned memory for exchanges between ranks");
  block.copied = gpu_.make_event();
  return block;
}

}  // namespace hewn
