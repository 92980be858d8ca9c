#pragma once

#include "core/tape.h"

namespace hewn {

// Elementwise arithmetic. Operands are contiguous, f32 or f64, of one dtype. Two operands are broadcast by
// NumPy's rule (aligned at the last dimension, sizes of 1 are repeated); the gradient of a broadcast operand
// is summed over the copies. Operands of one shape may be bf16; results are rounded once.

Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);

/// c x, x + c, -x.
Tensor scale(const Tensor& x, double c);
Tensor add_scalar(const Tensor& x, double c);
Tensor neg(const Tensor& x);

Tensor exp(const Tensor& x);
/// Natural logarithm.
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor tanh(const Tensor& x);
/// 1 / (1 + exp(-x)).
Tensor sigmoid(const Tensor& x);

}  // namespace hewn
