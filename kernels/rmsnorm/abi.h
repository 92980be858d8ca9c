#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

/// Over each row of x: y = x rstd weight, with rstd = 1 / sqrt(mean(x^2) + eps).
struct RmsnormForward {
  DType dtype;
  int64_t rows, cols;
  double eps;
  const void* x;       ///< [rows, cols]
  const void* weight;  ///< [cols]
  void* y;             ///< [rows, cols]
  double* rstd;        ///< [rows]
};

/// With n = x rstd and g = dy weight: dx = rstd (g - n mean(g n)) over each row, dweight = sum over rows of
/// dy n. Null outputs are not computed.
struct RmsnormBackward {
  DType dtype;
  int64_t rows, cols;
  const void* x;       ///< [rows, cols]
  const void* weight;  ///< [cols]
  const double* rstd;  ///< [rows]
  const void* dy;      ///< [rows, cols]
  void* dx = nullptr;  ///< [rows, cols]
  Write to_dx = Write::set;
  void* dweight = nullptr;  ///< [cols]
  Write to_dweight = Write::set;
};

const Ladder<RmsnormForward>& ladder_of(const RmsnormForward&);
const Ladder<RmsnormBackward>& ladder_of(const RmsnormBackward&);

}  // namespace hewn
