#pragma once

#include "kernels/softmax/abi.h"

namespace hewn {

template <Isa I>
void softmax_simd(const Launch& launch, const SoftmaxForward& a);
template <Isa I>
void softmax_backward_simd(const Launch& launch, const SoftmaxBackward& a);

}  // namespace hewn
