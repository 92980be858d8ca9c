#pragma once

#include "kernels/reduce/abi.h"

namespace hewn {

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
