#pragma once

#include "kernels/launch.h"

namespace hewn {

/// y[r, :] = softmax(x[r, :]) over rows of length `cols`.
struct SoftmaxForward {
  DType dtype;
  int64_t rows, cols;
  const void* x;  ///< [rows, cols]
  void* y;        ///< [rows, cols]
};

/// dx[r, i] (set or add) y[r, i] (dy[r, i] - sum_j dy[r, j] y[r, j]).
struct SoftmaxBackward {
  DType dtype;
  int64_t rows, cols;
  const void* y;   ///< [rows, cols]
  const void* dy;  ///< [rows, cols]
  void* dx;        ///< [rows, cols]
  Write to_dx;
};

const Ladder<SoftmaxForward>& ladder_of(const SoftmaxForward&);
const Ladder<SoftmaxBackward>& ladder_of(const SoftmaxBackward&);

}  // namespace hewn
