#pragma once
// The values that other ranks have updated.

#include <vector>

#include "core/base/not_copied.h"
#include "model/parameters.h"
#include "train/ranks/ranks.h"

namespace hewn {

/// Gives every rank the parameters of which each rank updates its own slices. In mixed precision, matrices that are only
/// multiplied are sent as their bf16 copies, half the bytes. Their float32 values in the slices of other ranks then stay
/// behind until `complete`: a step does not read them.
///
/// Values in memory of the host arrive while the next step has begun: a parameter is waited for when it is first used, so
/// they are sent in the order of the forward pass.
class ValueExchange final : public Arrival, NotCopied {
 public:
  /// Each rank updates its slices. The ranks must outlive the object.
  ValueExchange(const Parameters& parameters, Ranks& ranks, const Slices& slices);
  ~ValueExchange() override;

  /// Whether ranks send the bf16 copy of this parameter, not its value.
  static bool sends_copy(const Parameter& parameter) {
    return parameter.trains && parameter.only_multiplied && parameter.value_bf16.defined();
  }
  /// The elements of the parameters' slab whose values are sent.
  const std::vector<Range>& by_value() const { return by_value_; }

  /// Copies every rank's slices, as they are sent, to all others, or starts to. All ranks must call it after each update.
  void gather();
  /// Waits for what was started, before an update changes it.
  void finish();
  /// Waits for a tensor, which somebody wants to use (`Storage::arrived`).
  void await(Storage& storage) override;
  /// Copies the values that are behind, too, and waits for them. All ranks must call it, before anything but a step reads
  /// the values: a checkpoint, or a search for bad numbers. Does nothing if none are behind.
  void complete();

 private:
  /// What is exchanged together: elements of a bucket.
  struct Piece {
    SlabPart part;
    int64_t bucket;
  };
  /// Memory that is written to, and its elements.
  struct Target {
    std::shared_ptr<Storage> storage;
    Range elements;
  };
  struct UnderWay {
    Range elements;
    std::unique_ptr<TensorExchange> exchange;  // null: over
  };
  void list_pieces(const Parameters& parameters);
  void list_targets(const Parameters& parameters);

  Ranks& ranks_;
  Slices slices_;
  std::vector<Range> by_value_;
  std::vector<SlabPart> sent_, behind_;  // after an update, and until `complete`
  bool complete_ = true;
  std::vector<Piece> pieces_;  // of `sent_`, in the order in which a forward pass reads them
  std::vector<Target> targets_;
  std::vector<UnderWay> under_way_;
};

}  // namespace hewn
