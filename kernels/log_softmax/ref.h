#pragma once

#include "kernels/log_softmax/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for f32 and f64.
void log_softmax_reference(const Launch&, const LogSoftmaxForward& a);
void log_softmax_reference(const Launch&, const LogSoftmaxBackward& a);

}  // namespace hewn
