#pragma once

#include "kernels/rmsnorm/abi.h"
#include "kernels/simd/row_blocks.h"

namespace hewn {

template <Isa I>
void rmsnorm_simd(const Launch& launch, const RmsnormForward& a);
template <Isa I>
void rmsnorm_backward_simd(const Launch& launch, const RmsnormBackward& a);

}  // namespace hewn
