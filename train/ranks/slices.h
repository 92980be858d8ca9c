#pragma once
// Which rank owns which elements of a slab.

#include <algorithm>
#include <cstdint>

#include "core/tensor.h"
#include "kernels/global_norm/abi.h"
#include "model/parameters.h"

namespace hewn {

/// Consecutive elements, or blocks of them.
struct Range {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
};

/// Those in both; if there are none, an empty range that ends where one of them does.
inline Range common(Range a, Range b) {
  const int64_t end = std::min(a.end, b.end);
  return {std::min(std::max(a.begin, b.begin), end), end};
}

/// These elements of a slab.
inline Tensor part_of(const Tensor& slab, Range range) { return slab.sliced(0, range.begin, range.size()); }

/// The elements of member i of the parameters' slab.
inline Range elements_of_member(const Parameters& parameters, size_t i) {
  const ParameterSlab& slab = parameters.slab();
  const auto begin = static_cast<int64_t>(slab.values->offset(i) / size_of(parameters.dtype()));
  return {begin, begin + slab.members[i]->shape.numel()};
}

/// The division of a slab of n elements among R ranks: it consists of buckets, and each rank owns a slice of every
/// bucket, so that all of them send and receive whenever a bucket is exchanged. Slices are whole blocks of the global
/// norm, but for the end of the slab.
class Slices {
 public:
  /// Buckets have at most `bucket` elements, but at least a block for each rank.
  Slices(int64_t n, int64_t bucket, int ranks)
      : n_blocks_(blocks_of_norm(n)),
        n_(n),
        per_bucket_(std::max<int64_t>(bucket / norm_block, ranks)),
        ranks_(ranks) {}

  /// One slice of everything.
  static Slices whole(int64_t n) { return Slices(n, blocks_of_norm(n) * norm_block, 1); }

  int64_t buckets() const { return (n_blocks_ + per_bucket_ - 1) / per_bucket_; }
  /// The blocks of the norm that a rank owns in a bucket.
  Range blocks(int64_t bucket, int rank) const {
    const int64_t first = bucket * per_bucket_, n = std::min(per_bucket_, n_blocks_ - first);
    return {first + n * rank / ranks_, first + n * (rank + 1) / ranks_};
  }
  /// Their elements.
  Range elements(int64_t bucket, int rank) const {
    const Range owned = blocks(bucket, rank);
    return {std::min(owned.begin * norm_block, n_), std::min(owned.end * norm_block, n_)};
  }
  /// All elements of a bucket.
  Range elements(int64_t bucket) const {
    return {elements(bucket, 0).begin, elements(bucket, ranks_ - 1).end};
  }
  /// The buckets that contain any of these elements, of which there is at least one.
  Range buckets_of(Range elements) const {
    const int64_t per_bucket = per_bucket_ * norm_block;
    return {elements.begin / per_bucket, (elements.end + per_bucket - 1) / per_bucket};
  }
  /// The most elements of any bucket that a rank owns.
  int64_t widest(int rank) const {
    int64_t most = 0;
    for (int64_t bucket = 0; bucket < buckets(); ++bucket)
      most = std::max(most, elements(bucket, rank).size());
    return most;
  }
  /// The number of elements that a rank owns in the buckets before this one: where its slice begins if its slices are
  /// stored one after another.
  int64_t elements_before(int64_t bucket, int rank) const {
    return bucket * (per_bucket_ * (rank + 1) / ranks_ - per_bucket_ * rank / ranks_) * norm_block;
  }
  /// The number of elements that a rank owns.
  int64_t elements_of(int rank) const {
    if (buckets() == 0) return 0;
    const int64_t last = buckets() - 1;
    return elements_before(last, rank) + elements(last, rank).size();
  }
  /// The number of ranks.
  int ranks() const { return ranks_; }

 private:
  int64_t n_blocks_, n_, per_bucket_;
  int ranks_;
};

}  // namespace hewn
