#pragma once

#include "core/tape.h"

namespace hewn {

// x is contiguous, f32 or f64. The order of a sum depends only on the shape.

/// Over all elements: a scalar (rank 0). The mean and the maximum of an empty tensor are errors.
Tensor sum(const Tensor& x);
Tensor mean(const Tensor& x);
Tensor max(const Tensor& x);

/// Over one dimension, which is removed from the shape: [B, T, C] over 1 gives [B, C]. Negative dimensions
/// count from the back. The gradient of max goes to the first of equal elements.
Tensor sum(const Tensor& x, int dim);
Tensor mean(const Tensor& x, int dim);
Tensor max(const Tensor& x, int dim);

/// target (set or add) factor times g, summed over the dimensions in which target was broadcast to the
/// shape of g (NumPy rule); target has g's type, or f32 for a bf16 g. Not recorded. For gradients of
/// broadcasting operations and of biases, [rows, cols] to [cols].
void sum_copies(const Tensor& g, double factor, const Tensor& target, Write to_target);

}  // namespace hewn
