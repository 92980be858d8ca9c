#pragma once

#include "core/tape.h"

namespace hewn {

/// Layer normalization over the last dimension (Ba, Kiros and Hinton 2016): x [..., C] contiguous, f32 or
/// f64, weight and bias [C] of x's dtype -> (x - mean) / sqrt(variance + eps) weight + bias. The variance is
/// biased. `bias` may be undefined. C > 0, eps > 0.
Tensor layernorm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps = 1e-5);

}  // namespace hewn
