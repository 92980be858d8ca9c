#pragma once
// exp, log, tanh and related functions on vectors. NaN yields NaN. The polynomials are our own fits:
// interpolation at Chebyshev nodes. The stated errors, such as `exp_ulp`, are bounds over all floats, in
// units in the last place against a double result, for the worst instruction set (SSE2 has no fused
// multiply-add); tests/kernels/accuracy.cpp checks all of them.

#include "kernels/simd/vec.h"

namespace hewn {
namespace {

/// c[0] + c[1] x + ... by Horner's rule.
template <int n, class T, class V>
HEWN_INLINE V polynomial(const T (&c)[n], V x) {
  V sum = set1(c[n - 1]);
#pragma GCC unroll 16
  for (int i = n - 2; i >= 0; --i) sum = fma(sum, x, set1(c[i]));
  return sum;
}

/// 2^n for -126 <= n <= 127.
HEWN_INLINE vf power_of_two(vi n) { return as_float((n + 127) << 23); }

/// x = n ln 2 + r with |r| <= ln 2 / 2, and p such that e^r = 1 + r + r^2 p.
struct ExpParts {
  vf n;
  vi int_n;
  vf r, p;
};
HEWN_INLINE ExpParts exp_parts(vf x) {
  // Adding 1.5 * 2^23 leaves the nearest integer in the low bits of the mantissa.
  const vf shift = set1(12582912.0f);
  const vf shifted = fma(x, set1(1.44269504f), shift);
  const vf n = shifted - shift;
  // ln 2 in two parts, the first with so few bits that n times it is exact.
  const vf r = fma(n, set1(2.12194440e-4f), fma(n, set1(-0.693359375f), x));
  constexpr float c[] = {0.5f, 0.16666576f, 0.041666552f, 0.0083632329f, 0.0013926250f};
  return {n, as_int(shifted) - as_int(shift), r, polynomial(c, r)};
}

#if HEWN_VBYTES == 64
/// 2^(i/16).
constexpr float sixteenths[16] = {
    1.0f,        1.04427373f, 1.09050775f, 1.13878858f, 1.18920708f, 1.24185777f, 1.29683959f, 1.35425556f,
    1.41421354f, 1.47682619f, 1.54221082f, 1.61049032f, 1.68179286f, 1.75625217f, 1.8340081f,  1.91520655f};

/// The same as integers minus i << 19.
struct LowSixteenths {
  int32_t bits[16];
  constexpr LowSixteenths() : bits() {
    for (int i = 0; i < 16; ++i) bits[i] = __builtin_bit_cast(int32_t, sixteenths[i]) - (i << 19);
  }
};
constexpr LowSixteenths low_sixteenths;

/// The table element selected by the last four bits of each lane.
HEWN_INLINE vf chosen(vi index, vf table) {
  return _mm512_maskz_permutexvar_ps(0xffff, reinterpret_cast<__m512i>(index), table);
}
#endif

constexpr double exp_ulp = 1.3;  // 1.05 with fused multiply-add
/// e^x for x <= 89. Overflows to inf above 88.72. Returns 0 below -87.34, where the result would be
/// subnormal: on some processors an operation on subnormals takes a hundred times as long.
HEWN_INLINE vf exp_below_89(vf x) {
  constexpr float least = -87.33654f;  // ln 2^-126
#if HEWN_VBYTES == 64
  // x = n ln 2 + r with n in sixteenths, whose powers of two fit in a register: |r| <= ln 2 / 32.
  const vf shift = set1(786432.0f);  // 1.5 * 2^19: a sixteenth is its last bit
  const vf shifted = fma(x, set1(1.44269504f), shift);
  const vf n = shifted - shift;
  const vf r = fma(n, set1(2.12194440e-4f), fma(n, set1(-0.693359375f), x));
  constexpr float c[] = {1.0f, 0.50000977f, 0.16666960f};  // (e^r - 1) / r
  const vf power = chosen(as_int(shifted), load(sixteenths));
  const vf y = fma(power, polynomial(c, r) * r, power);
  // 2^floor(n); n does not matter where the result is 0 anyway.
  return _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(x, set1(least), _CMP_NLT_UQ), y, n);
#else
  const ExpParts e = exp_parts(max(set1(least), x));
  const vf exp_r = fma(fma(e.p, e.r, set1(1.0f)), e.r, set1(1.0f));
  // In two steps, since 2^n may be out of range even if the result is not.
  const vi half = e.int_n >> 1, vanishes = x < least;
  return vanishes ? vf{} : exp_r * power_of_two(half) * power_of_two(e.int_n - half);
#endif
}
/// e^x.
HEWN_INLINE vf exp(vf x) { return exp_below_89(min(set1(89.0f), x)); }

/// 2^(n + f), where `shifted` is n + exp2_shift as a float, n >= -127 is an integer (a multiple of 1/16 with
/// vectors of 64 bytes) and f is the remainder of the exponent. For n = -127 and f = 0 the result is 0;
/// results between that and 2^-126 would be subnormal and are only of that order of magnitude.
#if HEWN_VBYTES == 64
constexpr float exp2_shift = 786432.0f;  // 1.5 * 2^19: a sixteenth is its last bit
HEWN_INLINE vf two_to(vf shifted, vf f) {
  constexpr float c[] = {0.693147182f, 0.240233555f, 0.0555050857f};  // (2^f - 1) / f, |f| <= 1/32
  // As in exp, the power of the nearest sixteenth; the bits above the sixteenths, shifted, are its exponent.
  const vi low = as_int(chosen(as_int(shifted), as_float(load(low_sixteenths.bits))));
  const vf power = as_float((as_int(shifted) << 19) + low);
  return fma(power * f, polynomial(c, f), power);
}
#else
constexpr float exp2_shift = 12582912.0f;
HEWN_INLINE vf two_to(vf shifted, vf f) {
  constexpr float c[] = {0.693147182f,   0.240226507f,   0.0555035695f,
                         0.00961808302f, 0.00133908633f, 0.000154531634f};  // (2^f - 1) / f, |f| <= 1/2
  const vf power = as_float((as_int(shifted) << 23) + (127 << 23));
  return fma(power * f, polynomial(c, f), power);
}
#endif

/// 2^y for y <= 0, and exactly 0 for y <= -127. Unlike exp it does not compensate for rounding of its
/// argument, since y is a rounded product anyway.
HEWN_INLINE vf exp2_below_0(vf y) {
  y = max(set1(-127.0f), y);
  const vf shifted = y + exp2_shift;
  return two_to(shifted, y - (shifted - exp2_shift));
}

constexpr double exp_below_0_ulp = 60;  // 16.4 with fused multiply-add
/// e^x for x <= 0, or above it by rounding errors, and exactly 0 for x <= -88.03. For sums: the relative error grows as
/// e^x, and with it its contribution to the sum, vanishes.
HEWN_INLINE vf exp_below_0(vf x) {
  const vf per_ln2 = set1(1.44269502f);
  x = max(set1(-88.0296936f), x);  // -127 ln 2
  const vf shifted = fma(x, per_ln2, set1(exp2_shift));
  return two_to(shifted, fma(x, per_ln2, exp2_shift - shifted));
}

constexpr double exp_of_doubles_ulp = 2;  // 1 with fused multiply-add
/// e^x for x <= 0, in double. 0 below -708.39, where it would be subnormal.
HEWN_INLINE vd exp_below_0(vd x) {
  constexpr double least = -708.39;  // ln 2^-1022
  const vl vanishes = x < least;
  x = vanishes ? set1(least) : x;
  // x = n ln 2 + r with |r| <= ln 2 / 2, as for floats: adding 1.5 * 2^52 leaves n in the low bits, and the
  // first part of ln 2 is short.
  const vd shift = set1(6755399441055744.0);
  const vd shifted = fma(x, set1(1.4426950408889634), shift);
  const vd n = shifted - shift;
  const vd r = fma(n, set1(-1.9082149292705877e-10), fma(n, set1(-0.69314718036912382), x));
  constexpr double c[] = {0.5,
                          0.16666666666666669,
                          0.04166666666662413,
                          0.008333333333330062,
                          0.0013888888917213717,
                          0.00019841269863053618,
                          2.4801521295954376e-05,
                          2.7557268459997064e-06,
                          2.7620088445409746e-07,
                          2.510038549551032e-08};  // (e^r - 1 - r) / r^2
  const vd y = fma(fma(polynomial(c, r), r, set1(1.0)), r, set1(1.0));
  return vanishes ? vd{} : y * as_float((as_int(shifted) << 52) + (int64_t{1023} << 52));
}

/// a / d for 2^-100 < |d| < 2^100, within 0.6 ulp. A division of 16 lanes would occupy Intel's processors for
/// 16 cycles, from Ice Lake on (uops.info).
HEWN_INLINE vf quotient(vf a, vf d) {
#if HEWN_VBYTES == 64
  // 1/d to 14 bits, then one Newton step on the remainder of a.
  const vf y = _mm512_maskz_rcp14_ps(0xffff, d), q = a * y;
  return fma(fma(-d, q, a), y, q);
#else
  return a / d;
#endif
}

constexpr double log_ulp = 1.05;
/// Natural logarithm. log(0) = -inf, log of a negative number is NaN, log(inf) = inf; subnormals are handled.
HEWN_INLINE vf log(vf x) {
  const vi subnormal = x < 1.17549435e-38f;
  const vf scaled = subnormal ? x * 8388608.0f : x;
  // scaled = 2^e m, 2/3 <= m < 4/3.
  const vi bits = as_int(scaled);
  const vi e = (bits - 0x3f2aaaab) >> 23;
  const vf f = as_float(bits - (e << 23)) - 1.0f;
  const vf exponent = __builtin_convertvector(subnormal ? e - 23 : e, vf);
  constexpr float c[] = {0.33333319f, -0.24999988f, 0.20003781f, -0.16670141f,
                         0.14118309f, -0.12346190f, 0.13425750f, -0.12125581f};
  const vf ff = f * f;
  const vf tail = fma(exponent, set1(-2.12194440e-4f), fma(ff * f, polynomial(c, f), ff * -0.5f));
  vf y = fma(exponent, set1(0.693359375f), f + tail);
  y = x == 0.0f ? set1(-__builtin_inff()) : y;
  y = x < 0.0f ? set1(__builtin_nanf("")) : y;
  return x < __builtin_inff() ? y : x + x;
}

/// The magnitude of one value with the sign of the other.
HEWN_INLINE vf copy_sign(vf magnitude, vf sign) {
  constexpr int32_t sign_bit = INT32_MIN;
  return as_float((as_int(magnitude) & ~sign_bit) | (as_int(sign) & sign_bit));
}

constexpr double tanh_ulp = 2.6;
/// tanh through e^2|x| - 1, which preserves small x.
HEWN_INLINE vf tanh(vf x) {
  const ExpParts e = exp_parts(2.0f * min(set1(9.1f), abs(x)));
  const vf scale = power_of_two(e.int_n), expm1_r = fma(e.r * e.r, e.p, e.r);
  const vf expm1 = fma(scale, expm1_r, scale - 1.0f);
  return copy_sign(quotient(expm1, expm1 + 2.0f), x);
}

constexpr double sigmoid_ulp = 3.6, sigmoid_slope_ulp = 5.7;
/// sigma(x) = 1 / (1 + e^-x) and its derivative sigma (1 - sigma), each accurate even where tiny.
struct Sigmoid {
  vf value, slope;
};
/// Evaluated at x, of which only the sign is used, given e = e^-|x|.
HEWN_INLINE Sigmoid sigmoid_and_slope(vf x, vf e) {
  const vf d = quotient(set1(1.0f), 1.0f + e);
  const vf value = d * (as_int(x) < 0 ? e : set1(1.0f));
  return {value, e * d * d};
}
HEWN_INLINE vf minus_abs(vf x) { return as_float(as_int(x) | INT32_MIN); }
HEWN_INLINE Sigmoid sigmoid_and_slope(vf x) { return sigmoid_and_slope(x, exp_below_89(minus_abs(x))); }
HEWN_INLINE vf sigmoid(vf x) { return sigmoid_and_slope(x).value; }

constexpr double normal_cdf_ulp = 7.3, normal_density_ulp = 3;
/// The standard normal distribution: P(X < x), accurate in the tail too, and its density. The tail is the
/// density times Mills' ratio, which is fitted by a polynomial over |x| + 4, valid for |x| < 14.6.
struct Normal {
  vf cdf, density;
};
HEWN_INLINE Normal normal(vf x) {
  const vf t = min(set1(16.0f), abs(x));
  // e^(-t^2/2) needs more digits of t^2 than a float has: square + rest.
  const vf square = t * t;
#if defined(__FMA__) || defined(__aarch64__)
  const vf rest = fma(t, t, -square);
#else
  const vf high = as_float(as_int(t) & ~0xfff);
  const vf low = t - high;
  const vf rest = ((high * high - square) + 2.0f * high * low) + low * low;
#endif
  const vf bell = exp_below_89(-0.5f * square);
  const vf density = 0.398942280f * fma(bell, -0.5f * rest, bell);
  constexpr float c[] = {1.8932191f,     -1.52377087f,    0.970407718f,   -0.467543989f,   0.151416432f,
                         -0.0188669727f, -0.00883098168f, 0.00393236039f, 0.000485260849f, -0.000309607097f};
  const vf over_s = quotient(set1(1.0f), t + 4.0f);
  const vf tail = density * polynomial(c, (t - 4.0f) * over_s) * over_s;
  return {x < 0.0f ? tail : 1.0f - tail, density};
}

}  // namespace
}  // namespace hewn
