#pragma once
// Sums the gradient of a step in an order independent of the processes that compute its parts.

#include <cstdint>
#include <memory>
#include <vector>

#include "model/parameters.h"
#include "train/step/slab_blocks.h"

namespace hewn {

/// The micro-steps of a step in S = 2^L groups of consecutive ones. The gradients of a group are accumulated in order,
/// and the sums of the groups are added by a binary tree over their numbers:
///
///   micro-steps   0 1   2 3   4 5   6 7
///   groups         0     1     2     3        S = 4
///                  \   /       \   /
///                   0 + 1       2 + 3
///                      \         /
///                    (0 + 1) + (2 + 3)
///
/// Groups are added as digits of a binary counter carry: group g is accumulated in slab t, the number of ones at the
/// end of g in binary, and then slabs 0 to t - 1, which hold the subtrees to its left, are added to it. So L slabs are
/// needed besides the parameters' own, which is the last of them and holds the sum of all groups in the end.
class GradientGroups {
 public:
  /// Allocates L slabs. Throws usage if `groups` is not a power of two.
  GradientGroups(Parameters& parameters, int64_t groups);

  int64_t count() const { return int64_t{1} << (slabs_.size() - 1); }
  /// The slab that a group is accumulated in; groups with the same slab do the same work at the same
  /// addresses.
  static int slab_of(int64_t group);
  /// Makes the backward passes of this group write to its slab.
  void begin(int64_t group);
  /// Completes the gradient of this group, and adds the subtrees to its left. Groups must come in order, each once.
  void end(int64_t group);
  /// Adds the subtrees to the left of the last group to its gradient, in this range of the parameters' own
  /// slab. This is the last part of `end`, for a gradient that is completed piece by piece. Every element
  /// must be covered exactly once.
  void add_subtrees(Range elements);

 private:
  void add_subtrees(size_t last, Range elements);

  Parameters& parameters_;
  std::vector<std::unique_ptr<Slab>> further_;
  std::vector<const Slab*> slabs_;  // the additional slabs, then that of the parameters
};

}  // namespace hewn
