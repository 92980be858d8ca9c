#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

/// Over each row of x: y = (x - mean) rstd weight + bias, with rstd = 1 / sqrt(variance + eps) and the biased
/// variance mean((x - mean)^2). mean and rstd are stored in double: if values are far from 0, the rounding
/// error of a float mean can exceed their spread.
/// Types of x and y: f32 and f32, f64 and f64, bf16 and bf16, or f32 and bf16. Computed in f64 if x is, else
/// in f32, and rounded to y's type once.
struct LayernormForward {
  DType dtype;    ///< of x; weight and bias are f64 if x is, else f32
  DType y_dtype;  ///< of y
  int64_t rows, cols;
  double eps;
  const void* x;       ///< [rows, cols]
  const void* weight;  ///< [cols]
  const void* bias;    ///< [cols], or null for none
  void* y;             ///< [rows, cols]
  double* stats;       ///< [rows, 2]: mean, rstd
};

/// With n = (x - mean) rstd and g = dy weight: dx = rstd (g - mean(g) - n mean(g n)) over each row,
/// dweight = sum over rows of dy n, dbias = sum over rows of dy. Null outputs are not computed.
/// Types as in LayernormForward; if dx is added to, the sum is rounded once.
struct LayernormBackward {
  DType dtype;    ///< of x and dx; weight, dweight and dbias are f64 if x is, else f32
  DType y_dtype;  ///< of dy
  int64_t rows, cols;
  const void* x;        ///< [rows, cols]
  const void* weight;   ///< [cols]
  const double* stats;  ///< [rows, 2] of the forward pass
  const void* dy;       ///< [rows, cols]
  void* dx = nullptr;   ///< [rows, cols]
  Write to_dx = Write::set;
  void* dweight = nullptr;  ///< [cols]
  Write to_dweight = Write::set;
  void* dbias = nullptr;  ///< [cols]
  Write to_dbias = Write::set;
};

const Ladder<LayernormForward>& ladder_of(const LayernormForward&);
const Ladder<LayernormBackward>& ladder_of(const LayernormBackward&);

}  // namespace hewn
