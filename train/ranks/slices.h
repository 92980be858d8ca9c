#pragma once
// The assignment of a slab's elements to ranks.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "train/step/slab_blocks.h"

namespace hewn {

/// The division of a slab among R ranks: it consists of buckets, and each rank owns a slice of every bucket,
/// so that all ranks send and receive in the exchange of every bucket. Slices are whole blocks and do not
/// split ranges that must not be divided.
class Slices {
 public:
  /// Buckets have at most `bucket` elements, unless one block per rank or an indivisible range needs more.
  Slices(const SlabBlocks& blocks, int64_t bucket, int ranks) : ranks_(ranks) {
    const int64_t n = blocks.count(), per_bucket = std::max<int64_t>(bucket / norm_block, ranks);
    for (int64_t first = 0, end = per_bucket; first < n; end += per_bucket) {
      const int64_t last = blocks.nearest_cut(std::min(end, n));
      for (int rank = 0; rank < ranks && first < last; ++rank)
        blocks_.push_back(blocks.nearest_cut(first + (last - first) * rank / ranks));
      first = last;
    }
    blocks_.push_back(n);
    for (const int64_t block : blocks_) elements_.push_back(blocks.begin(block));
  }

  int64_t buckets() const { return (std::ssize(blocks_) - 1) / ranks_; }
  /// The blocks that a rank owns in a bucket.
  Range blocks(int64_t bucket, int rank) const { return slice(blocks_, bucket, rank); }
  /// The elements of these blocks.
  Range elements(int64_t bucket, int rank) const { return slice(elements_, bucket, rank); }
  /// All elements of a bucket.
  Range elements(int64_t bucket) const {
    return {elements(bucket, 0).begin, elements(bucket, ranks_ - 1).end};
  }
  /// The buckets that contain any of these elements; the range must not be empty.
  Range buckets_of(Range elements) const {
    const auto bucket_of = [&](int64_t element) {
      return (std::ranges::upper_bound(elements_, element) - elements_.begin() - 1) / ranks_;
    };
    return {bucket_of(elements.begin), bucket_of(elements.end - 1) + 1};
  }
  /// The maximum number of elements that a rank owns in a bucket.
  int64_t widest(int rank) const {
    int64_t most = 0;
    for (int64_t bucket = 0; bucket < buckets(); ++bucket)
      most = std::max(most, elements(bucket, rank).size());
    return most;
  }

 private:
  Range slice(const std::vector<int64_t>& begins, int64_t bucket, int rank) const {
    const auto at = static_cast<size_t>(bucket * ranks_ + rank);
    return {begins[at], begins[at + 1]};
  }

  int ranks_;
  std::vector<int64_t> blocks_, elements_;  // where slices begin, by bucket and rank, and the end
};

}  // namespace hewn
