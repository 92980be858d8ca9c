#pragma once

#include "core/tape.h"

namespace hewn {

/// Softmax over the last dimension: x [..., C] contiguous -> y of the same shape. C > 0.
Tensor softmax(const Tensor& x);

}  // namespace hewn
