#pragma once
// The activations in GPU code, for this room's kernels and for the epilogues of matrix products. T is float
// or double; the formulas are those of curves.h.

#include <cmath>
#include <numbers>
#include <type_traits>

#include "kernels/activation/abi.h"
#include "kernels/gpu/simt/simt.h"

namespace hewn {
namespace {

template <class T>
__device__ __forceinline__ T sigmoid_of(T x) {
  if constexpr (std::is_same_v<T, float>)
    return __fdividef(1,
                      1 + std::exp(-x));  // within 2 units of the last place; 0 where the exponential is huge
  else
    return 1 / (1 + std::exp(-x));
}

template <class T>
__device__ __forceinline__ T within_32(T x) {
  return x > 32 ? T{32} : x < -32 ? T{-32} : x;  // NaN stays
}

inline constexpr double gelu_linear = 1.5957691216057308;  // 2 sqrt(2 / pi)
inline constexpr double gelu_cubic = gelu_linear * 0.044715;

/// f(x).
template <Activation kind, class T>
__device__ __forceinline__ T activation_value_of(T x) {
  if constexpr (kind == Activation::relu) return x > 0 ? x : 0 * x;  // NaN stays NaN
  if constexpr (kind == Activation::silu) return x * sigmoid_of(x);
  if constexpr (kind == Activation::gelu_tanh)
    return x * sigmoid_of(x * (static_cast<T>(gelu_linear) + static_cast<T>(gelu_cubic) * (x * x)));
  if constexpr (kind == Activation::gelu_erf)
    return x * (T{0.5} * std::erfc(x * static_cast<T>(-1 / std::numbers::sqrt2)));
  return x;
}

/// f'(x).
template <Activation kind, class T>
__device__ __forceinline__ T activation_slope_of(T x) {
  if constexpr (kind == Activation::relu) return x > 0 ? T{1} : T{0};
  if constexpr (kind == Activation::silu) {
    const T s = sigmoid_of(x);
    return s + within_32(x) * (s * sigmoid_of(-x));
  }
  if constexpr (kind == Activation::gelu_tanh) {
    // Beyond 32 the second term has long vanished; x^2 must not overflow to inf times 0.
    const T z = within_32(x), square = z * z;
    const T u = z * (static_cast<T>(gelu_linear) + static_cast<T>(gelu_cubic) * square);
    const T s = sigmoid_of(u);
    return s +
           z * (s * sigmoid_of(-u)) * (static_cast<T>(gelu_linear) + static_cast<T>(3 * gelu_cubic) * square);
  }
  if constexpr (kind == Activation::gelu_erf) {
    const T z = within_32(x);
    const T density =
        std::exp(T{-0.5} * z * z) * static_cast<T>(std::numbers::inv_sqrtpi / std::numbers::sqrt2);
    return T{0.5} * std::erfc(x * static_cast<T>(-1 / std::numbers::sqrt2)) + z * density;
  }
  return 1;
}

}  // namespace
}  // namespace hewn
