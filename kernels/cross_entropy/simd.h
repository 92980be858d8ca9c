#pragma once

#include "kernels/cross_entropy/abi.h"

namespace hewn {

template <Isa I>
void cross_entropy_simd(const Launch& launch, const CrossEntropyForward& a);
template <Isa I>
void cross_entropy_backward_simd(const Launch& launch, const CrossEntropyBackward& a);

}  // namespace hewn
