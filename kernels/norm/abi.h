#pragma once
// Two formulas: layernorm, and rmsnorm, which neither subtracts the mean of a row nor has a bias.

#include "kernels/contract/launch.h"

namespace hewn {

/// Over each row of x: y = n weight + bias, with n = (x - mean) rstd, rstd = 1 / sqrt(variance + eps) and the biased
/// variance mean((x - mean)^2). mean and rstd are stored in double: if values are far from 0, the rounding
/// error of a float mean can exceed their spread. Not `centred`: with 0 in place of the mean.
/// Types of x and y: f32 and f32, f64 and f64, bf16 and bf16, or f32 and bf16 for a following matrix product.
/// Computed in f64 if x is, else in f32, and rounded to y's type once.
template <bool centred>
struct NormForward {
  static constexpr int row_stats = centred ? 2 : 1;  ///< numbers per row in `stats`

  DType dtype;    ///< of x; weight and bias are f64 if x is, else f32
  DType y_dtype;  ///< of y
  int64_t rows, cols;
  double eps;
  const void* x;       ///< [rows, cols]
  const void* weight;  ///< [cols]
  const void* bias;    ///< [cols], or null for none; not centred: null
  void* y;             ///< [rows, cols]
  double* stats;       ///< [rows, 2]: mean, rstd; not centred: [rows]: rstd
};

/// With g = dy weight: dx = rstd (g - mean(g) - n mean(g n)) over each row, dweight = sum over rows of dy n,
/// dbias = sum over rows of dy. Not centred: with 0 in place of mean(g). Null outputs are not computed.
/// Types as in NormForward; if dx is added to, the sum is rounded once.
template <bool centred>
struct NormBackward {
  static constexpr int row_stats = centred ? 2 : 1;   ///< numbers per row in `stats`
  static constexpr int parameters = centred ? 2 : 1;  ///< weight, and layernorm's bias

  DType dtype;    ///< of x and dx; weight, dweight and dbias are f64 if x is, else f32
  DType y_dtype;  ///< of dy
  int64_t rows, cols;
  const void* x;        ///< [rows, cols]
  const void* weight;   ///< [cols]
  const double* stats;  ///< of the forward pass
  const void* dy;       ///< [rows, cols]
  void* dx = nullptr;   ///< [rows, cols]
  Write to_dx = Write::set;
  void* dweight = nullptr;  ///< [cols]
  Write to_dweight = Write::set;
  void* dbias = nullptr;  ///< [cols]; not centred: null
  Write to_dbias = Write::set;
};

using LayernormForward = NormForward<true>;
using LayernormBackward = NormBackward<true>;
using RmsnormForward = NormForward<false>;
using RmsnormBackward = NormBackward<false>;

const Ladder<LayernormForward>& ladder_of(const LayernormForward&);
const Ladder<LayernormBackward>& ladder_of(const LayernormBackward&);
const Ladder<RmsnormForward>& ladder_of(const RmsnormForward&);
const Ladder<RmsnormBackward>& ladder_of(const RmsnormBackward&);

/// Type of weight, bias and their gradients for an x of this type.
constexpr DType norm_parameter_type(DType x) { return x == DType::f64 ? DType::f64 : DType::f32; }

/// Calls f.operator()<X, Y>() with the elements of x and y, which are not f64. `Bf16` is the struct that
/// stands for bf16.
template <class Bf16, class A, class F>
void with_float_norm_types(const A& a, const F& f) {
  if (a.dtype == DType::bf16) return f.template operator()<Bf16, Bf16>();
  if (a.y_dtype == DType::bf16) return f.template operator()<float, Bf16>();
  return f.template operator()<float, float>();
}

/// Calls f.operator()<X, Y, T>() with the elements of x and y and those of the parameters.
template <class Bf16, class A, class F>
void with_norm_types(const A& a, const F& f) {
  if (a.dtype == DType::f64) return f.template operator()<double, double, double>();
  with_float_norm_types<Bf16>(a, [&]<class X, class Y>() { f.template operator()<X, Y, float>(); });
}

}  // namespace hewn
