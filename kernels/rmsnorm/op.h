#pragma once

#include "core/tape.h"

namespace hewn {

/// Root-mean-square normalization over the last dimension (Zhang and Sennrich 2019): x [..., C] contiguous,
/// f32 or f64, weight [C] of x's dtype -> x / sqrt(mean(x^2) + eps) weight. C > 0, eps > 0.
Tensor rmsnorm(const Tensor& x, const Tensor& weight, double eps = 1e-5);

}  // namespace hewn
