#pragma once
// The exchange of updated parameter values.

#include <vector>

#include "core/base/not_copied.h"
#include "model/parameters.h"
#include "train/ranks/ranks.h"

namespace hewn {

/// Each rank updates its own slices of the parameters; this class distributes them to all ranks. In mixed
/// precision, matrices that are only multiplied are sent as bf16 copies, which halves the bytes. Their
/// float32 values in the slices of other ranks are then stale until `complete`; a step does not read them.
///
/// Values in host memory arrive while the next step runs: the first use of a parameter waits for it, so
/// parameters are sent in the order of the forward pass.
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

  /// Copies every rank's slices to all others, or starts to. All ranks must call it after each update.
  void gather();
  /// Waits for started exchanges, before an update changes the values.
  void finish();
  /// Waits for a tensor before its use (`Storage::arrived`).
  void await(Storage& storage) override;
  /// Copies the stale values and waits for them. All ranks must call it before anything other than a step
  /// reads the values, such as a checkpoint or a search for bad numbers. Does nothing if no values are stale.
  void complete();

 private:
  /// The elements of a bucket, exchanged together.
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
  std::vector<SlabPart> sent_, behind_;  // whether values are stale: after an update, until `complete`
  bool complete_ = true;
  std::vector<Piece> pieces_;  // of `sent_`, in the order in which a forward pass reads them
  std::vector<Target> targets_;
  std::vector<UnderWay> under_way_;
};

// Broadcasts parameters from rank 0.

/// Overwrites the values of a contiguous tensor with those of rank 0. All ranks call it, with tensors of the same size.
void broadcast_values(Tensor& values, Ranks& ranks);

/// The same for all parameters, including frozen ones.
void broadcast_parameters(Parameters& parameters, Ranks& ranks);

}  // namespace hewn
