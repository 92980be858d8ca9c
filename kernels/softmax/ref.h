#pragma once

#include "kernels/softmax/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for f32 and f64.
void softmax_reference(const Launch&, const SoftmaxForward& a);
void softmax_reference(const Launch&, const SoftmaxBackward& a);

}  // namespace hewn
