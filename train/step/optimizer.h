#pragma once
// The optimizer. Its moments are laid out like the parameters, and one kernel call updates all of them.

#include <optional>
#include <string>
#include <vector>

#include "kernels/contract/launch.h"
#include "kernels/optimizer/abi.h"
#include "model/parameters.h"
#include "train/config.h"
#include "train/ranks/ranks.h"
#include "train/ranks/value_exchange.h"

namespace hewn {

class Optimizer {
 public:
  /// Allocates zero moments. With `ranks`, which are several, each rank updates its own slices of the parameters and
  /// has moments of these only: stage 1 of ZeRO (Rajbhandari et al., "ZeRO: Memory optimizations toward training
  /// trillion parameter models", 2020). If `config.shard` is false, each has all moments and updates everything.
  Optimizer(Parameters& parameters, const OptimizerConfig& config, Ranks* ranks = nullptr);

  /// Clips the gradients by their global norm and updates every parameter. `state` is a StepState on the
  /// device: reads learning rate and step; writes norm, clip factor and non-finite flag. Updates nothing if
  /// the gradients, or `loss` (on the device, if given), are not finite. Does not change the gradients. With several
  /// ranks, each reads only its own slices of them, which must hold the sums over the ranks (`GradientExchange`).
  void step(const Tensor& state, const double* loss = nullptr);

  /// With several ranks: gives every rank the others' slices of the gradients.
  void gather_gradients();
  /// With several ranks, each updating its own slices: completes the values that are behind their bf16 copies
  /// (`ValueExchange::complete`). To be called, by all ranks, before they are used for anything but training.
  void gather_values();

  /// Restores the bf16 copies after parameters were loaded from a checkpoint of step `state.step`: the same
  /// bits as when it was saved. Does nothing without stochastic rounding.
  void round_again(const StepState& state);

  /// Consecutive elements of a moment.
  struct Piece {
    static constexpr int every_rank = -1;
    Range elements;          ///< of the moment, row-major
    int owner = every_rank;  ///< the rank that has them
    Tensor here = {};        ///< [elements.size()]; undefined if this rank does not have them
  };
  /// A moment of a parameter, as it is saved and restored.
  struct Moment {
    std::string name;  ///< "m.PARAMETER" or "v.PARAMETER"
    Shape shape;
    std::vector<Piece> pieces;  ///< in order; if every rank has all of it, a single one
    /// All of it. Throws usage if it is divided among ranks.
    Tensor value() const;
  };
  /// In the order of a checkpoint: m and v, if there is a v, of one parameter after the other.
  std::vector<Moment> moments() const;
  /// What this rank has of all moments: m and, if there is one, v, as vectors.
  std::vector<Tensor> moments_here() const;
  const OptimizerConfig& config() const { return config_; }

 private:
  ParameterUpdate update_of(int64_t bucket, const StepState* state) const;
  void gather_updated(const StepState* state);
  void round_stochastically(const StepState* state, int64_t extra, Range elements);
  std::vector<Piece> pieces_of(const Tensor& moment, Range elements) const;

  Parameters& parameters_;
  OptimizerConfig config_;
  Ranks* ranks_;                         // null: this process alone
  Slices slices_;                        // of the gradients, which each rank adds
  Slices updated_;                       // the same if divided, else everything as one
  int me_;                               // this rank's number in `updated_`
  std::optional<ValueExchange> values_;  // if divided
  Tensor m_, v_;    // [elements updated here], the slices of all buckets one after another; no v_ with sgd
  Tensor squares_;  // f64: the sums of squares that the norm is made of
};

}  // namespace hewn
