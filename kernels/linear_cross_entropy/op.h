#pragma once

#include "core/tape.h"

namespace hewn {

/// Default limit for the logits of a chunk.
inline constexpr size_t usual_logits_bytes = size_t{64} << 20;

/// Mean of -log softmax(x W^T + b)[target] over the rows whose target is not -100, as a scalar: x [N, C]
/// contiguous, weight [V, C], bias [V] or undefined, targets i32 [N]; f32 or f64. Works on chunks of rows
/// whose logits take at most `logits_bytes` (at least one row). The logits of a single chunk are kept for the
/// backward pass; those of several chunks are recomputed there, so that the logits of a whole batch never
/// exist. Throws like cross_entropy. `weight_bf16`, the weight as bf16, if defined: the products have bf16
/// operands, as in linear.
Tensor linear_cross_entropy(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets,
                            size_t logits_bytes = usual_logits_bytes, const Tensor& weight_bf16 = {});

/// The same composed of matmul, add and cross_entropy: the fused operation is tested against it.
Tensor linear_cross_entropy_composed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                     const Tensor& targets);

}  // namespace hewn
