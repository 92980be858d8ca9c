#pragma once

#include "core/tape.h"
#include "kernels/contract/launch.h"

namespace hewn {

/// Zeroes each element with probability p and divides the rest by 1 - p (Srivastava et al., "Dropout", 2014).
/// x contiguous, f32, f64 or bf16; 0 <= p < 1; p = 0 returns x itself. `site` numbers the dropouts of a model. The
/// mask depends on seed, step and micro-step in `state` (memory of x's device, which must not change until
/// after the backward pass), on site and on each element's index; nothing is stored.
Tensor dropout(const Tensor& x, double p, uint32_t site, const StepState* state);

}  // namespace hewn
