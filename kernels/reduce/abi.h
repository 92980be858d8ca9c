#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

enum class ReduceOp : uint8_t { sum, max };

/// y[o, c] (set or add) scale * sum (or max) over i of x[o, i, c]. n > 0 for max.
/// inner = 1 reduces rows, outer = 1 columns.
struct Reduce {
  ReduceOp op;
  DType dtype;  ///< of x and y; bf16: of x only, while y is float32
  int64_t outer, n, inner;
  double scale;
  const void* x;  ///< [outer, n, inner]
  void* y;        ///< [outer, inner]
  Write to_y;
};

/// The type of y.
constexpr DType y_type(const Reduce& a) { return a.dtype == DType::bf16 ? DType::f32 : a.dtype; }

/// dx[o, i, c] (set or add) dy[o, c] where x[o, i, c] is the first to equal y[o, c], else 0.
struct MaxBackward {
  DType dtype;
  int64_t outer, n, inner;
  const void* x;   ///< [outer, n, inner]
  const void* y;   ///< [outer, inner]
  const void* dy;  ///< [outer, inner]
  void* dx;        ///< [outer, n, inner]
  Write to_dx;
};

/// y[o, i, c] (set or add) scale * x[o, c]: the gradient of a sum.
struct Expand {
  DType dtype;
  int64_t outer, n, inner;
  double scale;
  const void* x;  ///< [outer, inner]
  void* y;        ///< [outer, n, inner]
  Write to_y;
};

/// Vector code reduces blocks of this many elements separately, then their results in order, so that the order of a sum
/// depends only on the sizes: many elements if a vector's lanes run along the row; few if each lane sums a
/// column, where long sums would lose digits.
constexpr int64_t row_block = 2048, column_block = 64;

/// The same on GPUs: elements of a row, or rows of a column, per block of threads.
inline constexpr int64_t gpu_row_piece = 8192, gpu_column_piece = 512;

const Ladder<Reduce>& ladder_of(const Reduce&);
const Ladder<MaxBackward>& ladder_of(const MaxBackward&);
const Ladder<Expand>& ladder_of(const Expand&);

}  // namespace hewn
