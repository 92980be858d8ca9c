#pragma once
// The functions used by curves.h, for vectors: kernels/simd/vec_math.h and additions to it.

#include "kernels/simd/vec_math.h"

// Declares a function that the host also needs in GPU builds (on_gpus.cuh).
#define HEWN_HOST_INLINE HEWN_INLINE

namespace hewn {
namespace {

/// x in every lane.
template <class V>
HEWN_INLINE V constant(double x) {
  return set1(static_cast<float>(x));
}

/// max(x, 0); NaN stays NaN.
HEWN_INLINE vf positive(vf x) { return max(vf{}, x); }

/// x clamped to [-32, 32].
HEWN_INLINE vf within_32(vf x) { return min(set1(32.0f), max(set1(-32.0f), x)); }

/// x as a factor of a derivative that is 0 for large x; unbounded, since inf times 0 may be NaN.
HEWN_INLINE vf beside_slope(vf x) { return x; }

/// sigmoid(y) and its derivative with respect to y, for y = a x + b x^3, which has the sign of x; e^-|y| as a
/// power of two.
HEWN_INLINE Sigmoid sigmoid_of_cubic(vf x, double a, double b) {
  constexpr float log2e = 1.44269504f;
  const vf exponent =
      x * fma(x * x, set1(static_cast<float>(b) * log2e), set1(static_cast<float>(a) * log2e));
  return sigmoid_and_slope(x, exp2_below_0(minus_abs(exponent)));
}

}  // namespace
}  // namespace hewn
