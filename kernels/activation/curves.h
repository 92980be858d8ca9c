#pragma once
// The activations as code, written once for the vectors of all instruction sets and for GPUs: V is vf in a
// simd*.cpp, float or double in a cuda.cu. The kernels of this room and the epilogue of the matrix product
// call them through `visit`. To add one, specialise `Curve` for its enumerator in table.h.
//
// Each has value(x) = f(x) and slope(x) = f'(x), and states the errors of its vector code over all finite
// floats (tests/kernels/accuracy.cpp) in units in the last place: of the value, or of 1e-29 if that is
// larger; for the slope, which crosses 0, of the slope or 1/2, whichever is larger.

#include "kernels/activation/table.h"

#ifndef HEWN_VBYTES
#include "kernels/activation/on_gpus.cuh"
#else
#include "kernels/activation/on_vectors.h"
#if HEWN_VBYTES == 64
#include "kernels/activation/pieces.h"
#endif
#endif

namespace hewn {
namespace {

/// The code of an activation. `visit` compiles only if all exist.
template <Activation kind>
struct Curve;

template <>
struct Curve<Activation::none> {
  static constexpr double value_ulp = 0.5, slope_ulp = 0.5;
  template <class V>
  HEWN_INLINE static V value(V x) {
    return x;
  }
  template <class V>
  HEWN_INLINE static V slope(V) {
    return constant<V>(1);
  }
};

template <>
struct Curve<Activation::relu> {
  static constexpr double value_ulp = 0.5, slope_ulp = 0.5;
  template <class V>
  HEWN_INLINE static V value(V x) {
    return positive(x);
  }
  template <class V>
  HEWN_INLINE static V slope(V x) {
    return x > 0.0f ? constant<V>(1) : V{};
  }
};

/// x sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3), which equals x (1 + tanh u) / 2 but keeps its digits
/// for negative x.
struct GeluTanh {
  static constexpr double value_ulp = 205, slope_ulp = 3;
  static constexpr double a = 1.5957691216057308, b = a * 0.044715;  // 2u = a x + b x^3, a = 2 sqrt(2 / pi)
  template <class V>
  HEWN_INLINE static V value(V x) {
    return x * sigmoid_of_cubic(x, a, b).value;
  }
  template <class V>
  HEWN_INLINE static V slope(V x) {
    // Beyond 32 the second term is zero; x^2 must not overflow to inf times 0.
    const V z = within_32(x);
    const auto s = sigmoid_of_cubic(z, a, b);
    return fma(z * s.slope, fma(z * z, constant<V>(3 * b), constant<V>(a)), s.value);
  }
};

/// x P(X < x) for a standard normal X.
struct GeluErf {
  static constexpr double value_ulp = 8, slope_ulp = 4.45;
  template <class V>
  HEWN_INLINE static V value(V x) {
    return x * normal(x).cdf;
  }
  template <class V>
  HEWN_INLINE static V slope(V x) {
    const auto p = normal(x);
    return fma(within_32(x), p.density, p.cdf);
  }
};

struct Silu {
  static constexpr double value_ulp = 4.6, slope_ulp = 2.7;
  template <class V>
  HEWN_INLINE static V value(V x) {
    return x * sigmoid(x);
  }
  template <class V>
  HEWN_INLINE static V slope(V x) {
    const auto s = sigmoid_and_slope(x);
    return fma(beside_slope(x), s.slope, s.value);
  }
};

// With 64-byte vectors, polynomials replace these formulas except for large |x|.
#if defined(HEWN_VBYTES) && HEWN_VBYTES == 64
template <>
struct Curve<Activation::gelu_tanh> : ByPieces<GeluTanh, 6, tanh_factor, tanh_slope, 5> {};
template <>
struct Curve<Activation::gelu_erf> : ByPieces<GeluErf, 5, erf_tail, erf_slope, 4> {};
template <>
struct Curve<Activation::silu> : ByPieces<Silu, 5, silu_factor, silu_slope, 8> {};
#else
template <>
struct Curve<Activation::gelu_tanh> : GeluTanh {};
template <>
struct Curve<Activation::gelu_erf> : GeluErf {};
template <>
struct Curve<Activation::silu> : Silu {};
#endif

/// f.operator()<kind>() for an activation known only at run time; only here is a kind turned into code.
#ifdef __CUDACC__
#pragma nv_exec_check_disable  // f may be GPU code or host code, like the caller
#endif
template <int first = 0, class F>
HEWN_HOST_INLINE auto visit(Activation kind, const F& f) {
  constexpr auto here = static_cast<Activation>(first);
  static_assert(
      requires { Curve<here>::value_ulp; }, "an activation of table.h has no Curve in curves.h");
  if constexpr (first + 1 < n_activations) {
    if (kind != here) return visit<first + 1>(kind, f);
  }
  return f.template operator()<here>();
}

}  // namespace
}  // namespace hewn
