#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

/// Over each row of x: y = x rstd weight, with rstd = 1 / sqrt(mean(x^2) + eps).
/// Types of x and y: f32 and f32, f64 and f64, bf16 and bf16, or f32 and bf16. Computed in f64 if x is, else
/// in f32, and rounded to y's type once.
struct RmsnormForward {
  DType dtype;    ///< of x; weight is f64 if x is, else f32
  DType y_dtype;  ///< of y
  int64_t rows, cols;
  double eps;
  const void* x;       ///< [rows, cols]
  const void* weight;  ///< [cols]
  void* y;             ///< [rows, cols]
  double* rstd;        ///< [rows]
};

/// With n = x rstd and g = dy weight: dx = rstd (g - n mean(g n)) over each row, dweight = sum over rows of
/// dy n. Null outputs are not computed. Types as in RmsnormForward; if dx is added to, the sum is rounded once.
struct RmsnormBackward {
  DType dtype;    ///< of x and dx; weight and dweight are f64 if x is, else f32
  DType y_dtype;  ///< of dy
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
