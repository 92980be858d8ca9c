#pragma once

#include "kernels/global_norm/abi.h"

namespace hewn {

/// Elements summed as one block: the unit of work, and of the fixed order of the sum.
inline constexpr int64_t norm_block = 8192;

template <Isa I>
void global_norm_simd(const Launch& launch, const GlobalNorm& a);

}  // namespace hewn
