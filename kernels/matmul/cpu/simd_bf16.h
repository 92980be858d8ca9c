#pragma once

#include "kernels/matmul/abi.h"

namespace hewn {

/// Products of bf16 matrices by products of pairs, avx512bf16 alone; see dot_scratch in blocks_bf16.h for its
/// scratch.
template <Isa I>
void matmul_bf16_simd(const Launch& launch, const Matmul& a);

}  // namespace hewn
