#pragma once

#include "kernels/reduce/abi.h"

namespace hewn {

// Both f32.

/// Blocks of `reduce_block(a)` elements are reduced each on their own, then their results in order: the order
/// of a sum follows from the sizes alone.
template <Isa I>
void reduce_simd(const Launch& launch, const Reduce& a);
template <Isa I>
void expand_simd(const Launch& launch, const Expand& a);

/// Elements of [0, n) in one block: long where a vector's lanes run along the row, short where each lane is a
/// column with a sum of its own, which would lose digits.
constexpr int64_t row_block = 2048, column_block = 64;

}  // namespace hewn
