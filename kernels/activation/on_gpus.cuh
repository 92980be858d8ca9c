#pragma once
// The functions used by curves.h, for GPUs: T is float or double.

#include <cmath>
#include <numbers>
#include <type_traits>

#include "kernels/gpu/simt/simt.h"

// kernels/simd/vec.h defines HEWN_INLINE for vectors; HEWN_HOST_INLINE is for functions that
// the host calls too.
#define HEWN_INLINE __device__ __forceinline__
#define HEWN_HOST_INLINE __host__ __device__ __forceinline__

namespace hewn {
namespace {

/// x as a T.
template <class T>
HEWN_INLINE constexpr T constant(double x) {
  return static_cast<T>(x);
}

/// a b + c; nvcc fuses the two.
template <class T>
HEWN_INLINE T fma(T a, T b, T c) {
  return c + a * b;
}

/// max(x, 0); NaN stays NaN.
template <class T>
HEWN_INLINE T positive(T x) {
  return x > 0 ? x : 0 * x;
}

/// x clamped to [-32, 32]; NaN stays NaN.
template <class T>
HEWN_INLINE T within_32(T x) {
  return x > 32 ? T{32} : x < -32 ? T{-32} : x;
}

/// x as a factor of a derivative that is 0 for large x; bounded, since inf times 0 is NaN.
template <class T>
HEWN_INLINE T beside_slope(T x) {
  return within_32(x);
}

/// 1 / (1 + e^-x).
template <class T>
HEWN_INLINE T sigmoid(T x) {
  if constexpr (std::is_same_v<T, float>)
    return __fdividef(1, 1 + std::exp(-x));  // within 2 ulp; 0 where the exponential is huge
  else
    return 1 / (1 + std::exp(-x));
}

/// The sigmoid and its derivative.
template <class T>
struct Sigmoid {
  T value, slope;
};
template <class T>
HEWN_INLINE Sigmoid<T> sigmoid_and_slope(T x) {
  const T s = sigmoid(x);
  return {s, s * sigmoid(-x)};
}

/// sigmoid(y) and its derivative with respect to y, for y = a x + b x^3.
template <class T>
HEWN_INLINE Sigmoid<T> sigmoid_of_cubic(T x, double a, double b) {
  return sigmoid_and_slope(x * (static_cast<T>(a) + static_cast<T>(b) * (x * x)));
}

/// The standard normal distribution: P(X < x), and its density.
template <class T>
struct Normal {
  T cdf, density;
};
template <class T>
HEWN_INLINE Normal<T> normal(T x) {
  const T z = within_32(x);
  return {T{0.5} * std::erfc(x * static_cast<T>(-1 / std::numbers::sqrt2)),
          std::exp(T{-0.5} * z * z) * static_cast<T>(std::numbers::inv_sqrtpi / std::numbers::sqrt2)};
}

}  // namespace
}  // namespace hewn
