#pragma once
// The optimizer. Its moments are in slabs laid out like the parameters, and one kernel call updates all of them.

#include <string>
#include <vector>

#include "kernels/contract/launch.h"
#include "kernels/optimizer/abi.h"
#include "model/parameters.h"
#include "train/config.h"
#include "train/ranks/ranks.h"

namespace hewn {

class Optimizer {
 public:
  /// Allocates zero moments for all parameters. With `ranks`, which are several, each updates its own slices of the
  /// parameters.
  Optimizer(Parameters& parameters, const OptimizerConfig& config, Ranks* ranks = nullptr);

  /// Clips the gradients by their global norm and updates every parameter. `state` is a StepState on the
  /// device: reads learning rate and step; writes norm, clip factor and non-finite flag. Updates nothing if
  /// the gradients, or `loss` (on the device, if given), are not finite. Does not change the gradients. With several
  /// ranks, each reads only its own slices of them, which must hold the sums over the ranks (`GradientExchange`).
  void step(const Tensor& state, const double* loss = nullptr);

  /// With several ranks: gives every rank the others' slices of the gradients.
  void gather_gradients();

  /// Restores the bf16 copies after parameters were loaded from a checkpoint of step `state.step`: the same
  /// bits as when it was saved. Does nothing without stochastic rounding.
  void round_again(const StepState& state);

  /// The moments by name, "m.PARAMETER" and "v.PARAMETER", to be saved and restored.
  struct Moment {
    std::string name;
    Tensor value;
  };
  std::vector<Moment> moments() const;
  /// Gives every rank the moments of the others, which `moments` does not know otherwise.
  void gather_moments();
  const OptimizerConfig& config() const { return config_; }

 private:
  ParameterUpdate update_of(Range range, const StepState* state) const;
  void round_stochastically(const StepState* state, int64_t extra);

  Parameters& parameters_;
  OptimizerConfig config_;
  Ranks* ranks_;                 // null: this process alone
  Slices slices_;                // whose moments are current here; alone, the only one is everything
  std::unique_ptr<Slab> m_, v_;  // laid out like the values; no v_ with sgd
  Tensor squares_;               // f64: the sums of squares that the norm is made of
};

}  // namespace hewn
