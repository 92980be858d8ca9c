#pragma once
// The sum of all ranks' gradients, exchanged while the backward pass is still running.

#include <cstdint>
#include <list>
#include <vector>

#include "core/base/not_copied.h"
#include "train/ranks/ranks.h"
#include "train/step/gradient_groups.h"

namespace hewn {

/// Adds the gradient of a step over the ranks, bucket by bucket. A bucket is sent as soon as all parameters
/// with elements in it have complete gradients, while the backward pass computes those of earlier layers:
///
///   backward   head   h.2   h.1   h.0   embeddings
///   bucket 2                ------->
///   bucket 1                      ------->
///   bucket 0                                     ------->
///
/// All ranks must start buckets in the same order, whatever they compute. It is the order in which buckets become
/// complete when a backward pass visits the parameters from the last one declared to the first; a bucket that is
/// complete earlier waits for its predecessors. The order of arrival does not matter: every element has its own sum.
class GradientExchange : NotCopied {
 public:
  /// The maximum number of buckets in flight. Further buckets wait until one of them is finished, while the
  /// backward pass continues.
  static constexpr int64_t most_under_way = 4;

  /// Exchanges the gradients summed by `groups`, divided by `slices`. Allocates buffers for the data of other
  /// ranks: (R - 1) / R of `most_under_way` buckets. The arguments but `slices` must outlive the object.
  GradientExchange(Parameters& parameters, GradientGroups& groups, Ranks& ranks, const Slices& slices);
  ~GradientExchange();

  /// Sends buckets during the next backward pass, which must be the last one of the last group and run on
  /// this thread. Optional: otherwise `finish` sends all of them. The pass fails if it uses a parameter in
  /// several recomputed blocks (`recomputed`): its gradient seems to be complete after each of them.
  void begin();
  /// Takes the place of `GradientGroups::end` for the last group: zeroes the gradients that no backward pass has
  /// reached, starts the remaining buckets and waits for all. This rank's slices of the gradients then hold the sums of
  /// all groups of all ranks.
  void finish();
  /// Call this after each replay of a graph that contains the launches of `begin` and `finish`. `again`: they
  /// were not called for this replay.
  void replayed(bool again);

 private:
  void complete(size_t member);
  void advance();
  void finish(std::list<BucketExchange>::iterator exchange);
  void remove_hooks();
  void reset();

  Parameters& parameters_;
  GradientGroups& groups_;
  Ranks& ranks_;
  Tensor grads_;  // [n], all gradients
  Slices slices_;
  std::vector<Range> buckets_of_;  // of each member of the slab
  std::vector<int64_t> order_;     // in which buckets start
  bool hooked_ = false;            // whether the parameters have hooks
  int64_t sent_before_ = 0;        // bytes sent by this rank, up to `begin`
  int64_t sent_ = 0;               // bytes sent from `begin` to the end of `finish`
  // State of the current step.
  std::vector<bool> complete_;                  // by member: whether its gradient is complete
  std::vector<int64_t> incomplete_;             // by bucket: number of parameters with incomplete gradients
  size_t next_ = 0;                             // in `order_`
  std::list<BucketExchange> under_way_, free_;  // buckets in flight, in the order of their start
};

}  // namespace hewn
