#pragma once
// The optimizer: moments in slabs beside the parameters, one kernel call for all of them.

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

  /// Clips by global norm and updates every parameter. `state` is a StepState on the device: learning rate
  /// and step are read from it; norm, clip factor and non-finite flag are written. Does nothing when
  /// gradients, or the loss on the device if one is given, are not finite. Gradients are left as they are.
  void step(const Tensor& state, const double* loss = nullptr);

  /// Makes the bf16 copies of parameters that were loaded after state.step updates: what they were when these
  /// had been made. Does nothing without stochastic rounding.
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
