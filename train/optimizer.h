#pragma once
// The optimizer. Its moments are in slabs laid out like the parameters, and one kernel call updates all of them.

#include <string>
#include <vector>

#include "kernels/contract/launch.h"
#include "model/parameters.h"
#include "train/config.h"

namespace hewn {

class Optimizer {
 public:
  /// Allocates zero moments for all parameters.
  Optimizer(Parameters& parameters, const OptimizerConfig& config);

  /// Clips the gradients by their global norm and updates every parameter. `state` is a StepState on the
  /// device: reads learning rate and step; writes norm, clip factor and non-finite flag. Updates nothing if
  /// the gradients, or `loss` (on the device, if given), are not finite. Does not change the gradients.
  void step(const Tensor& state, const double* loss = nullptr);

  /// Restores the bf16 copies after parameters were loaded from a checkpoint of step `state.step`: the same
  /// bits as when it was saved. Does nothing without stochastic rounding.
  void round_again(const StepState& state);

  /// The moments by name, "m.PARAMETER" and "v.PARAMETER", to be saved and restored.
  struct Moment {
    std::string name;
    Tensor value;
  };
  std::vector<Moment> moments() const;
  const OptimizerConfig& config() const { return config_; }

 private:
  void round_stochastically(const StepState* state, int64_t extra);
  Parameters& parameters_;
  OptimizerConfig config_;
  std::unique_ptr<Slab> m_, v_;  // laid out like the values; no v_ with sgd
  Tensor squares_;               // f64: the sums of squares that the norm is made of
};

}  // namespace hewn
