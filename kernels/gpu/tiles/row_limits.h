#pragma once
// What the lists of rungs have to know of GPU kernels over rows (rows.cuh).

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace hewn {

/// The longest row, in floats, that a block holds in its registers.
inline constexpr int64_t longest_held_row = 8192;

/// A `why_not` for kernels that hold a row in registers.
template <class A>
const char* held_rows_only(const A& a) {
  if (a.dtype != DType::f32) return "f32 only";
  return a.cols <= longest_held_row ? nullptr : "rows of at most 8192";
}

/// How many blocks share the rows where each keeps sums down the columns for itself: 16 rows to a block, and
/// more where there would be over 512 blocks, which is what the largest GPUs hold at a time.
constexpr int64_t column_sum_blocks(int64_t rows) {
  const int64_t blocks = (rows + 15) / 16;
  return blocks < 512 ? blocks : 512;
}

/// Scratch for `sums` such sums: [column_sum_blocks(rows), sums, cols] floats.
constexpr size_t column_sum_bytes(int64_t rows, int64_t cols, int sums) {
  return static_cast<size_t>(column_sum_blocks(rows) * sums * cols) * sizeof(float);
}

}  // namespace hewn
