#pragma once
// The element types of layernorm and rmsnorm: x and dx have one type, y and dy another or the same. A norm of
// bf16 has a bf16 result; one of f32 an f32 result, or a bf16 result for the matrix product that follows it.

#include "core/dtype.h"
#include "core/error.h"
#include "kernels/gpu/tiles/row_limits.h"

namespace hewn {

/// Type of weight, bias and their gradients for an x of this type.
constexpr DType norm_parameter_type(DType x) { return x == DType::f64 ? DType::f64 : DType::f32; }

/// Throws unless a norm of x can have a result of type y. `op` is for the message.
inline void check_norm_types(const char* op, DType x, DType y) {
  require(x == DType::f32 || x == DType::f64 || x == DType::bf16, op, ": x is ", name_of(x),
          "; expected f32, f64 or bf16");
  require(y == x || (x == DType::f32 && y == DType::bf16), op, ": y_dtype is ", name_of(y), " for x of ",
          name_of(x), "; expected ", name_of(x), x == DType::f32 ? " or bf16" : "");
}

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

/// A `why_not` for rungs without bf16. If x is bf16, y is as well.
template <class A>
const char* no_bf16_norms(const A& a) {
  return a.y_dtype == DType::bf16 ? "f32 and f64 only" : nullptr;
}
template <class A>
const char* f32_norms_only(const A& a) {
  return a.y_dtype == DType::f32 ? nullptr : "f32 only";
}
/// A `why_not` for rungs that keep a row in registers.
template <class A>
const char* held_norms_only(const A& a) {
  if (a.dtype == DType::f64) return "f32 and bf16 only";
  return a.cols <= longest_held_row ? nullptr : "rows of at most 8192 only";
}

}  // namespace hewn
