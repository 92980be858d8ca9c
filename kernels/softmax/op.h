#pragma once

#include "core/tape.h"

namespace hewn {

/// Softmax over the last dimension: x [..., C] contiguous, f32 or f64 -> y of the same shape. C > 0. Columns
/// at -inf get 0; a row in which all values are -inf becomes NaN, as in PyTorch.
Tensor softmax(const Tensor& x);

/// Softmax under a causal mask: x [..., Tq, Tk] with Tq <= Tk, the queries being the last Tq of Tk positions:
/// row i sees the first Tk - Tq + i + 1 columns, and y is 0 in the others.
Tensor causal_softmax(const Tensor& x);

/// The same, composed of simple operations.
Tensor softmax_composed(const Tensor& x);
Tensor causal_softmax_composed(const Tensor& x);

}  // namespace hewn
