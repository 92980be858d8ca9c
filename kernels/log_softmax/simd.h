#pragma once

#include "kernels/log_softmax/abi.h"

namespace hewn {

template <Isa I>
void log_softmax_simd(const Launch& launch, const LogSoftmaxForward& a);
template <Isa I>
void log_softmax_backward_simd(const Launch& launch, const LogSoftmaxBackward& a);

}  // namespace hewn
