#pragma once

#include "kernels/optimizer/abi.h"

namespace hewn {

/// The oracle: element by element in double, for f32 and f64.
void update_reference(const Launch&, const ParameterUpdate& a);

/// The oracle: a Philox block for each element.
void round_reference(const Launch&, const StochasticRounding& a);

/// What all elements of one update share that decay, or that do not.
struct UpdateScalars {
  double clip;        ///< factor of the gradients
  double keep;        ///< adamw: what remains of w, 1 - lr weight_decay; else 1
  double decay;       ///< adam, sgd: what of w is added to the gradient; else 0
  double step_size;   ///< lr / (1 - beta1^t); sgd: lr
  double root_scale;  ///< 1 / sqrt(1 - beta2^t)
};
UpdateScalars scalars_of(const ParameterUpdate& a, bool decayed);

}  // namespace hewn
