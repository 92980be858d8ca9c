#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

/// y[r, :] = softmax(x[r, :]) over rows of length `cols`. A row in which all values are -inf becomes NaN.
/// With `queries` > 0 the rows belong to matrices [queries, cols] under a causal mask: the last query sees
/// all columns and each earlier query one less than the next. Masked elements are not read, and y is 0 there.
struct SoftmaxForward {
  DType dtype;
  int64_t rows, cols;
  const void* x;        ///< [rows, cols]
  void* y;              ///< [rows, cols]
  int64_t queries = 0;  ///< 0: no mask; else at most `cols`, and `rows` is a multiple of it
};

/// dx[r, i] (set or add) y[r, i] (dy[r, i] - sum_j dy[r, j] y[r, j]), 0 for masked elements.
struct SoftmaxBackward {
  DType dtype;
  int64_t rows, cols;
  const void* y;   ///< [rows, cols]
  const void* dy;  ///< [rows, cols]
  void* dx;        ///< [rows, cols]
  Write to_dx;
  int64_t queries = 0;  ///< as in SoftmaxForward
};

/// The number of columns that row r sees (SoftmaxForward::queries).
template <class Args>
[[gnu::always_inline]] inline int64_t visible(const Args& a, int64_t r) {
  return a.queries == 0 ? a.cols : a.cols - a.queries + r % a.queries + 1;
}

const Ladder<SoftmaxForward>& ladder_of(const SoftmaxForward&);
const Ladder<SoftmaxBackward>& ladder_of(const SoftmaxBackward&);

}  // namespace hewn
