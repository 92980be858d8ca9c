#pragma once

#include "core/tape.h"

namespace hewn {

/// Logarithm of softmax over the last dimension, without the underflow that log(softmax(x)) suffers:
/// x [..., C] contiguous, f32 or f64 -> y of the same shape. C > 0. A row of nothing but -inf becomes NaN.
Tensor log_softmax(const Tensor& x);

}  // namespace hewn
