#pragma once
// The activations on vectors, for this room's kernels and for those of linear, which apply them to their
// results. Each has value(x) = f(x) and slope(x) = f'(x), and their errors over all finite floats
// (tests/kernels/accuracy.cpp): of the value in units in its last place, or in that of 1e-29 where it is
// smaller; of the slope, which crosses 0, in those of the larger of it and 1/2.

#if HEWN_VBYTES == 64
#include "kernels/activation/pieces.h"
#endif
#include "kernels/simd/vec_math.h"

namespace hewn {
namespace {

struct NoCurve {
  HEWN_INLINE static vf value(vf x) { return x; }
  HEWN_INLINE static vf slope(vf) { return set1(1.0f); }
};

struct ReluCurve {
  /// max(x, 0); NaN stays NaN.
  HEWN_INLINE static vf value(vf x) { return max(vf{}, x); }
  HEWN_INLINE static vf slope(vf x) { return x > 0.0f ? set1(1.0f) : vf{}; }
};

struct Silu {
  static constexpr double value_ulp = 4.6, slope_ulp = 2.7;
  HEWN_INLINE static vf value(vf x) { return x * sigmoid(x); }
  HEWN_INLINE static vf slope(vf x) {
    const Sigmoid s = sigmoid_and_slope(x);
    return fma(x, s.slope, s.value);
  }
};

/// x sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3), which is x (1 + tanh u) / 2 and keeps its digits for
/// negative x.
struct GeluTanh {
  static constexpr double value_ulp = 205, slope_ulp = 3;
  static constexpr float a = 1.59576912f, b = 0.0713548163f;  // 2 sqrt(2 / pi), and 0.044715 times that
  static constexpr float log2e = 1.44269504f;

  HEWN_INLINE static vf value(vf x) { return x * sigmoid_of_2u(x).value; }
  HEWN_INLINE static vf slope(vf x) {
    // Beyond 32 the second term has long vanished; x^2 must not overflow to inf times 0.
    const vf z = min(set1(32.0f), max(set1(-32.0f), x));
    const Sigmoid s = sigmoid_of_2u(z);
    return fma(z * s.slope, fma(z * z, set1(3 * b), set1(a)), s.value);
  }

 private:
  /// sigmoid(2u) and its derivative by 2u, where 2u has the sign of x; e^-|2u| as a power of two.
  HEWN_INLINE static Sigmoid sigmoid_of_2u(vf x) {
    const vf exponent = x * fma(x * x, set1(b * log2e), set1(a * log2e));
    return sigmoid_and_slope(x, exp2_below_0(minus_abs(exponent)));
  }
};

/// x P(X < x) for a standard normal X.
struct GeluErf {
  static constexpr double value_ulp = 8, slope_ulp = 4.45;
  HEWN_INLINE static vf value(vf x) { return x * normal(x).cdf; }
  HEWN_INLINE static vf slope(vf x) {
    const Normal p = normal(x);
    return fma(min(set1(32.0f), max(set1(-32.0f), x)), p.density, p.cdf);
  }
};

#if HEWN_VBYTES == 64
using SiluCurve = ByPieces<Silu, 5, silu_factor, silu_slope, 8>;
using GeluTanhCurve = ByPieces<GeluTanh, 6, tanh_factor, tanh_slope, 5>;
using GeluErfCurve = ByPieces<GeluErf, 5, erf_tail, erf_slope, 4>;
#else
using SiluCurve = Silu;
using GeluTanhCurve = GeluTanh;
using GeluErfCurve = GeluErf;
#endif

}  // namespace
}  // namespace hewn
