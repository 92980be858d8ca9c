#pragma once

#include <optional>

#include "core/tape.h"

namespace hewn {

/// Layer normalization over the last dimension (Ba, Kiros and Hinton 2016): x [..., C] contiguous, f32, f64
/// or bf16, weight and bias [C] -> (x - mean) / sqrt(variance + eps) weight + bias. The variance is biased.
/// `bias` may be undefined. C > 0, eps > 0.
///
/// The result has x's type, or `y_dtype`, which may be bf16 for an f32 x. Weight and bias are f64 if x is,
/// else f32, and so are their gradients; the gradient of x has x's type. A bf16 result is the f32 result
/// rounded to nearest.
Tensor layernorm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps = 1e-5,
                 std::optional<DType> y_dtype = {});

/// The same, composed of simple operations; f32 or f64.
Tensor layernorm_composed(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps = 1e-5);

/// Root-mean-square normalization over the last dimension (Zhang and Sennrich 2019): x [..., C] contiguous,
/// f32, f64 or bf16, weight [C] -> x / sqrt(mean(x^2) + eps) weight. C > 0, eps > 0. Types as in
/// `layernorm`.
Tensor rmsnorm(const Tensor& x, const Tensor& weight, double eps = 1e-5, std::optional<DType> y_dtype = {});

/// The same, composed of simple operations; f32 or f64.
Tensor rmsnorm_composed(const Tensor& x, const Tensor& weight, double eps = 1e-5);

}  // namespace hewn
