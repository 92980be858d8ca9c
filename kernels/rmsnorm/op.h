#pragma once

#include <optional>

#include "core/tape.h"

namespace hewn {

/// Root-mean-square normalization over the last dimension (Zhang and Sennrich 2019): x [..., C] contiguous,
/// f32, f64 or bf16, weight [C] -> x / sqrt(mean(x^2) + eps) weight. C > 0, eps > 0. Types as in
/// `layernorm`.
Tensor rmsnorm(const Tensor& x, const Tensor& weight, double eps = 1e-5, std::optional<DType> y_dtype = {});

/// The same, composed of simple operations; f32 or f64.
Tensor rmsnorm_composed(const Tensor& x, const Tensor& weight, double eps = 1e-5);

}  // namespace hewn
