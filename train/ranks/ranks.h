#pragma once
// What the processes of a run compute together. Every sum has an order of its own, which depends neither on the order
// in which messages arrive nor on how many there are.

#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "train/ranks/messages.h"
#include "train/ranks/slices.h"

namespace hewn {

/// R processes. Each of its functions must be called by all of them, in the same order.
class Ranks {
 public:
  /// Gradients are exchanged in buckets of at most `bucket_bytes`. Throws usage if R is not a power of two: sums are
  /// binary trees over the ranks. `messages` must outlive the object.
  explicit Ranks(Messages& messages, int64_t bucket_bytes = int64_t{25} << 20);

  int rank() const { return messages_.rank(); }
  int size() const { return messages_.size(); }
  /// Whether there is only one.
  bool alone() const { return size() == 1; }
  /// The division of a slab of n elements.
  Slices slices(int64_t n, DType dtype) const {
    return Slices(n, bucket_bytes_ / static_cast<int64_t>(size_of(dtype)), size());
  }

  /// What each rank contributes, by rank.
  std::vector<std::string> gather(const std::string& mine);
  std::vector<std::vector<double>> gather(std::span<const double> mine);

  /// Adds `slab`, [n] on a CPU, over the ranks: every rank's own slices then hold the sums. Rank r's gradient is that
  /// of the r-th part of the micro-steps; the sum is a binary tree over r, which continues that of `GradientGroups`.
  /// The rest of `slab` keeps its values. Each rank sends (R - 1) / R of the slab.
  void reduce_scatter(Tensor slab, const Slices& slices);
  /// Copies every rank's slices to all others.
  void all_gather(Tensor slab, const Slices& slices);
  /// The same for one number per block of the norm.
  void all_gather_blocks(Tensor numbers, const Slices& slices);

 private:
  struct Bucket;
  void start(const Tensor& slab, const Slices& slices, int64_t bucket, Bucket& exchange);
  void finish(Bucket& exchange);
  template <class RangeOf>
  void all_gather(Tensor& numbers, int64_t buckets, const RangeOf& range_of);
  void wait(std::vector<Messages::Transfer>& transfers);

  Messages& messages_;
  int64_t bucket_bytes_;
};

}  // namespace hewn
