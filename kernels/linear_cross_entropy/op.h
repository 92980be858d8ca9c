#pragma once

#include "core/tape.h"

namespace hewn {

struct LinearCrossEntropyOptions {
  /// The weight as bf16, if defined: the products have bf16 operands, and x and its gradient may be bf16, as in
  /// linear. On a GPU the logits are then rounded to bf16 too.
  Tensor weight_bf16 = {};
  /// Limit for the logits in memory at a time, in bytes; at least one row is always computed. 0: the device's
  /// (chunks.h).
  size_t logits_bytes = 0;
};

/// Mean of -log softmax(x W^T + b)[target] over the rows whose target is not -100, as a scalar: x [N, C]
/// contiguous, weight [V, C], bias [V] or undefined, targets i32 [N]; f32 or f64. Works on chunks of rows, so that
/// the logits of a whole batch need not exist. Throws like cross_entropy.
Tensor linear_cross_entropy(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets,
                            const LinearCrossEntropyOptions& options = {});

/// The same without the mean: the loss of each row [N], 0 where the target is -100. The backward pass computes the
/// logits again, in chunks too.
Tensor linear_cross_entropy_rows(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                 const Tensor& targets, const LinearCrossEntropyOptions& options = {});

/// The same composed of matmul, add and cross_entropy (or cross_entropy_rows): the fused operations are tested against
/// them.
Tensor linear_cross_entropy_composed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                     const Tensor& targets);
Tensor linear_cross_entropy_rows_composed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                          const Tensor& targets);

}  // namespace hewn
