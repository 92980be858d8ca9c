#pragma once
// All kernels of this room; list.cpp arranges them in ladders.

#include "kernels/reduce/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for f32 and f64.
void reduce_reference(const Launch&, const Reduce& a);
void max_backward_reference(const Launch&, const MaxBackward& a);
void expand_reference(const Launch&, const Expand& a);

/// MaxBackward with the outer blocks divided among threads.
void max_backward_parallel(const Launch& launch, const MaxBackward& a);

// SIMD, compiled once per instruction set.

// f32 only.

/// Blocks of `reduce_block(a)` elements are reduced separately, then their results in order: the order of a
/// sum depends only on the sizes.
template <Isa I>
void reduce_simd(const Launch& launch, const Reduce& a);
template <Isa I>
void expand_simd(const Launch& launch, const Expand& a);

/// Elements of [0, n) per block: many if a vector's lanes run along the row, few if each lane sums a column,
/// which would otherwise lose digits.
constexpr int64_t row_block = 2048, column_block = 64;

// GPUs.

/// f32 and f64. The number of row elements, or rows of a column, per block of threads: sums are always
/// grouped like this, on every GPU.
inline constexpr int64_t gpu_row_piece = 8192, gpu_column_piece = 512;

template <Isa I>
void reduce_gpu(const Launch& launch, const Reduce& a);
template <Isa I>
void max_backward_gpu(const Launch& launch, const MaxBackward& a);
template <Isa I>
void expand_gpu(const Launch& launch, const Expand& a);

}  // namespace hewn
