#pragma once

#include "kernels/layernorm/abi.h"
#include "kernels/simd/row_blocks.h"

namespace hewn {

template <Isa I>
void layernorm_simd(const Launch& launch, const LayernormForward& a);
template <Isa I>
void layernorm_backward_simd(const Launch& launch, const LayernormBackward& a);

}  // namespace hewn
