#pragma once
// The values that other ranks have updated.

#include <vector>

#include "model/parameters.h"
#include "train/ranks/ranks.h"

namespace hewn {

/// Gives every rank the parameters of which each rank updates its own slices. In mixed precision, matrices that are only
/// multiplied are sent as their bf16 copies, half the bytes. Their float32 values in the slices of other ranks then stay
/// behind until `complete`: a step does not read them.
class ValueExchange {
 public:
  /// The arguments must outlive the object.
  ValueExchange(const Parameters& parameters, Ranks& ranks);

  /// Whether ranks send the bf16 copy of this parameter, not its value.
  static bool sends_copy(const Parameter& parameter) {
    return parameter.trains && parameter.only_multiplied && parameter.value_bf16.defined();
  }
  /// The elements of the parameters' slab whose values are sent.
  const std::vector<Range>& by_value() const { return by_value_; }

  /// Copies every rank's slices, as they are sent, to all others. All ranks must call it after each update.
  void gather();
  /// Copies the values that are behind, too, and waits for them. All ranks must call it, before anything but a step reads
  /// the values: a checkpoint, or a search for bad numbers. Does nothing if none are behind.
  void complete();

 private:
  Ranks& ranks_;
  Slices slices_;
  std::vector<Range> by_value_;
  std::vector<SlabPart> sent_, behind_;  // after an update, and until `complete`
  bool complete_ = true;
};

}  // namespace hewn
