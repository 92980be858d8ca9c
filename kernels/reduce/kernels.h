#pragma once
// All kernels of this room; list.cpp has the ladder they form.

#include "kernels/reduce/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for f32 and f64.
void reduce_reference(const Launch&, const Reduce& a);
void max_backward_reference(const Launch&, const MaxBackward& a);
void expand_reference(const Launch&, const Expand& a);

/// MaxBackward with the outer blocks shared out to the threads.
void max_backward_parallel(const Launch& launch, const MaxBackward& a);

// Vectors, compiled once per instruction set.

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

// GPUs.

/// f32 and f64. How many rows, or rows of a column, a block of threads takes: sums have this grouping,
/// whatever runs.
inline constexpr int64_t gpu_row_piece = 8192, gpu_column_piece = 512;

template <Isa I>
void reduce_gpu(const Launch& launch, const Reduce& a);
template <Isa I>
void max_backward_gpu(const Launch& launch, const MaxBackward& a);
template <Isa I>
void expand_gpu(const Launch& launch, const Expand& a);

}  // namespace hewn
