#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

/// y[r, i] = x[r, i] - log sum_j exp(x[r, j]). A row of -inf alone becomes NaN.
struct LogSoftmaxForward {
  DType dtype;
  int64_t rows, cols;
  const void* x;  ///< [rows, cols]
  void* y;        ///< [rows, cols]
};

/// dx[r, i] (set or add) dy[r, i] - exp(y[r, i]) sum_j dy[r, j].
struct LogSoftmaxBackward {
  DType dtype;
  int64_t rows, cols;
  const void* y;   ///< [rows, cols]
  const void* dy;  ///< [rows, cols]
  void* dx;        ///< [rows, cols]
  Write to_dx;
};

const Ladder<LogSoftmaxForward>& ladder_of(const LogSoftmaxForward&);
const Ladder<LogSoftmaxBackward>& ladder_of(const LogSoftmaxBackward&);

}  // namespace hewn
