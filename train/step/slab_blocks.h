#pragma once
// Ranges of elements of the parameters' slab, and its division into blocks.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "kernels/global_norm/abi.h"
#include "model/parameters.h"

namespace hewn {

/// Consecutive elements, or blocks of them.
struct Range {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
};

/// The intersection of two ranges; if empty, an empty range at the end of one of them.
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

/// The same including the gap after them.
inline Range elements_to_next_member(const Parameters& parameters, size_t i) {
  const bool last = i + 1 == parameters.slab().members.size();
  return {elements_of_member(parameters, i).begin,
          last ? parameters.slab().n : elements_of_member(parameters, i + 1).begin};
}

/// The division of a slab into blocks, whose sums of squares the global norm adds. Processes that divide an
/// update among them own whole blocks, so that the norm has the same bits for any number of them.
///
/// Blocks have `norm_block` elements. A range that must not be divided begins and ends at block boundaries,
/// so the last block before it and its own last block may have fewer.
class SlabBlocks {
 public:
  /// The blocks of n elements. `whole`: the ranges that must not be divided, in order, without overlap.
  SlabBlocks(int64_t n, const std::vector<Range>& whole = {}) {
    int64_t end = 0;
    for (const Range& range : whole) {
      add({end, range.begin}, false);
      add(range, true);
      end = range.end;
    }
    add({end, n}, false);
    stretches_.push_back({.begin = n, .first = count_, .whole = false});
  }

  int64_t count() const { return count_; }
  /// The first element of a block; past the last block, the number of elements.
  int64_t begin(int64_t block) const {
    const Stretch& stretch = *stretch_of(block);
    return stretch.begin + (block - stretch.first) * norm_block;
  }
  /// The nearest block before which the slab may be divided.
  int64_t nearest_cut(int64_t block) const {
    const auto stretch = stretch_of(block);
    if (!stretch->whole) return block;
    const int64_t first = stretch->first, next = std::next(stretch)->first;
    return block - first < next - block ? first : next;
  }
  /// Calls `use` with the elements and the first block of each maximal stretch of blocks in which all but the
  /// last have `norm_block` elements.
  template <class Use>
  void each_stretch(Range elements, const Use& use) const {
    for (size_t i = 0; i + 1 < stretches_.size(); ++i) {
      const Stretch& stretch = stretches_[i];
      const Range here = common(elements, {stretch.begin, stretches_[i + 1].begin});
      if (here.size() > 0) use(here, stretch.first + (here.begin - stretch.begin) / norm_block);
    }
  }

 private:
  struct Stretch {
    int64_t begin;  // its first element
    int64_t first;  // its first block
    bool whole;
  };
  void add(Range elements, bool whole) {
    if (elements.size() == 0) return;
    stretches_.push_back({.begin = elements.begin, .first = count_, .whole = whole});
    count_ += blocks_of_norm(elements.size());
  }
  std::vector<Stretch>::const_iterator stretch_of(int64_t block) const {
    return std::prev(std::ranges::upper_bound(stretches_, block, {}, &Stretch::first));
  }

  int64_t count_ = 0;
  std::vector<Stretch> stretches_;  // the last one is empty
};

}  // namespace hewn
