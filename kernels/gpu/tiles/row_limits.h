#pragma once
// Limits of the GPU kernels over rows (rows.cuh) that the lists of rungs need.

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace hewn {

/// The longest row, in floats, that fits into the registers of a block.
inline constexpr int64_t longest_held_row = 8192;

/// A `why_not` for kernels that keep a row in registers.
template <class A>
const char* held_rows_only(const A& a) {
  if (a.dtype != DType::f32) return "f32 only";
  return a.cols <= longest_held_row ? nullptr : "rows of at most 8192 only";
}

/// Number of blocks that share the rows, each with its own column sums: 16 rows per block, and more where
/// this would exceed 512 blocks, the number that the largest GPUs hold concurrently.
constexpr int64_t column_sum_blocks(int64_t rows) {
  const int64_t blocks = (rows + 15) / 16;
  return blocks < 512 ? blocks : 512;
}

/// Scratch for `sums` such sums: [column_sum_blocks(rows), sums, cols] floats.
constexpr size_t column_sum_bytes(int64_t rows, int64_t cols, int sums) {
  return static_cast<size_t>(column_sum_blocks(rows) * sums * cols) * sizeof(float);
}

}  // namespace hewn
