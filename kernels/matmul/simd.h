#pragma once

#include "kernels/matmul/abi.h"

namespace hewn {

template <Isa I>
void matmul_simd(const Launch& launch, const Matmul& a);

}  // namespace hewn
