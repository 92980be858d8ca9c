#pragma once
// Collective operations of the processes of a run. Every sum has a fixed order, which depends neither on the
// order of arrival of messages nor on the number of processes.

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor.h"
#include "train/ranks/messages.h"
#include "train/ranks/slices.h"
#include "train/ranks/tensors/transport.h"
#include "train/step/step_exchange.h"

namespace hewn {

namespace nccl {
struct Library;
}

/// Elements of a slab, and a tensor with these elements at the same indices: the slab itself, or a copy in
/// another type.
struct SlabPart {
  Tensor numbers;  ///< 1-D; at least as long as the end of the elements
  Range elements;
};

/// The exchange of one bucket of gradients.
struct BucketExchange {
  Tensor received;            ///< 1-D: room for R - 1 slices
  std::vector<Tensor> parts;  ///< contributions to this rank's slice, by rank; its own is in the slab
  std::unique_ptr<TensorExchange> exchange;
};

/// The cost of all exchanges of a rank so far. A step costs the difference between two of these.
struct Traffic {
  int64_t bytes_sent = 0;
  /// Idle time. Gradients that arrive during the backward pass add nothing.
  double seconds_waited = 0;

  Traffic& operator+=(const Traffic& more) {
    bytes_sent += more.bytes_sent;
    seconds_waited += more.seconds_waited;
    return *this;
  }
  friend Traffic operator-(const Traffic& a, const Traffic& b) {
    return {a.bytes_sent - b.bytes_sent, a.seconds_waited - b.seconds_waited};
  }
};

/// R processes. All of them must call each communicating function, in the same order.
class Ranks final : public StepPartners {
 public:
  /// Gradients are exchanged in buckets of at most `bucket_bytes`; messages are no larger, but at least a
  /// block of the norm. Throws usage if R is not a power of two: sums are binary trees over the ranks.
  /// `messages` must outlive the object.
  explicit Ranks(Messages& messages, int64_t bucket_bytes = int64_t{25} << 20);

  /// Changes the size of the buckets, on all ranks.
  void set_bucket_bytes(int64_t bytes) { bucket_bytes_ = bytes; }

  /// Makes later routes between GPUs (`TensorRoute`) use NCCL, on all ranks; null: not.
  void use_nccl(const nccl::Library* library) { nccl_ = library; }
  const nccl::Library* nccl() const { return nccl_; }
  /// Sets the transport for tensors on all ranks (`TensorRoute`); initially, messages from host memory.
  /// Returns the previous one.
  TensorTransport* carry_by(TensorTransport* transport) { return std::exchange(tensors_, transport); }
  Messages& messages() { return messages_; }

  int rank() const { return messages_.rank(); }
  int size() const { return messages_.size(); }
  /// Whether there is only one rank.
  bool alone() const { return size() == 1; }
  /// The division of a slab of elements of this type.
  Slices slices(const SlabBlocks& blocks, DType dtype) const {
    return Slices(blocks, bucket_bytes_ / static_cast<int64_t>(size_of(dtype)), size());
  }

  int64_t groups_of_each(int64_t groups) const override;
  /// The exchange of these ranks (`RankExchange`).
  std::unique_ptr<StepExchange> exchange(const ExchangeParts& parts) override;

  /// The contributions of all ranks, by rank.
  std::vector<std::string> gather(const std::string& mine);
  std::vector<std::vector<double>> gather(std::span<const double> mine);

  /// Buffers for the exchange of any bucket of a slab with this division.
  BucketExchange room(Device& device, DType dtype, const Slices& slices) const;
  /// Starts to add a bucket of `slab`, [n], over the ranks. Rank r's gradient is that of the r-th part of the
  /// micro-steps; the sum is a binary tree over r, which continues the tree of `GradientGroups`. Nothing may
  /// change the bucket before `finish`. Each rank sends (R - 1) / R of it.
  void start(const Tensor& slab, const Slices& slices, int64_t bucket, BucketExchange& exchange);
  /// Whether all started transfers are complete. Does not wait.
  bool arrived(BucketExchange& exchange);
  /// Waits for them, and adds: after `join`, the rank's own slice of the bucket holds the sum, the rest keeps
  /// its values.
  void finish(BucketExchange& exchange);
  /// Makes later launches wait for all finished exchanges.
  void join() { tensors_->join(); }
  /// Whether a started exchange progresses while this process does other work.
  bool goes_on() const { return tensors_->goes_on(); }
  /// Starts to copy every rank's slices of the part's elements in a bucket to all others. Until it is over,
  /// do not read or change these elements of other ranks, nor change those of this rank.
  std::unique_ptr<TensorExchange> start_gather(const SlabPart& part, const Slices& slices, int64_t bucket);
  /// Waits until an exchange is over.
  void wait(TensorExchange& exchange);
  /// Copies every rank's slices to all others.
  void all_gather(Tensor slab, const Slices& slices);
  /// The same for all elements of several disjoint parts of a slab.
  void all_gather(const std::vector<SlabPart>& parts, const Slices& slices);
  /// The same for one number per block of the norm.
  void all_gather_blocks(Tensor numbers, const Slices& slices);

  /// Abandons all transfers, because their memory is about to be freed; to the other ranks, this rank has
  /// then vanished.
  void abandon() { messages_.close(false); }

  /// Whether exchanges, from `start` to `join`, can be part of a graph.
  bool in_graphs() const { return tensors_->in_graphs(); }
  /// Call this after each replay of such a graph, with the number of bytes that it sends.
  void replayed(int64_t bytes_sent);

  /// Throws if another rank has failed. Call this repeatedly while waiting for the device.
  void check() { tensors_->check(); }
  /// Waits until the device has done everything up to the last `join`. Throws if another rank has failed.
  void settle() { tensors_->settle(); }

  int64_t bytes_sent() const { return traffic_.bytes_sent; }
  Traffic traffic() const {
    return {traffic_.bytes_sent, traffic_.seconds_waited + tensors_->seconds_waited()};
  }
  /// Copies bytes of rank `from` to the same number on rank `to`. The arguments of the other ranks are
  /// unused.
  void copy(int from, int to, std::span<std::byte> bytes);
  /// Copies bytes of rank 0 to the same number on all others. Each rank sends them to at most log2 R others.
  void broadcast(std::span<std::byte> bytes);

 private:
  void send_and_receive(int other, Topic topic, std::span<const std::byte> mine, std::span<std::byte> theirs,
                        Transfers& transfers);
  template <class TensorOf>
  std::unique_ptr<TensorExchange> start_gather(const TensorOf& tensor_of);
  template <class TensorOf>
  void all_gather(int64_t exchanges, const TensorOf& tensor_of);
  void wait(Transfers& transfers);
  std::unique_ptr<TensorExchange> start(Topic topic, std::vector<TensorSwap> swaps);
  std::vector<std::span<std::byte>> pieces_of(std::span<std::byte> bytes) const;

  Messages& messages_;
  int64_t bucket_bytes_;
  std::unique_ptr<TensorTransport> direct_;
  TensorTransport* tensors_;
  const nccl::Library* nccl_ = nullptr;
  Traffic traffic_;
};

}  // namespace hewn
