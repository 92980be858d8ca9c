#pragma once
// The optimizer: its moments lie in slabs laid out like the parameters, and one kernel call updates them all.

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
  /// device: learning rate and step are read; norm, clip factor and non-finite flag are written. Updates
  /// nothing if the gradients, or the `loss` on the device if given, are not finite. Gradients are not
  /// changed.
  void step(const Tensor& state, const double* loss = nullptr);

  /// Restores the bf16 copies after parameters were loaded from a checkpoint of step `state.step`: the same
  /// bits as when it was saved. Does nothing without stochastic rounding.
  void round_again(const StepState& state);

  /// The moments by name, "m.PARAMETER" and "v.PARAMETER", to save and to restore.
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
};

}  // namespace hewn
