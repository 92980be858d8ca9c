#pragma once
// SIMD vectors of one instruction set: the compilers' vector extensions plus loads, fused multiply-add and
// reductions, which these lack. Arithmetic, comparisons (which yield a vi of 0 and -1), selection `mask ? a :
// b` and conversions between types with equally many lanes (`__builtin_convertvector`) belong to the
// language.
//
// A simd.cpp is compiled once per instruction set, with HEWN_VBYTES set. Everything here is in an anonymous
// namespace and force-inlined: a function shared by differently compiled objects would be a single weak
// symbol, and the linker might keep the AVX-512 version for a machine without AVX-512.

#ifndef HEWN_VBYTES
#define HEWN_VBYTES 16
#endif

#include <cstdint>

#include "core/write.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define HEWN_INLINE [[maybe_unused]] inline __attribute__((always_inline))

namespace hewn {
namespace {

using vf = float __attribute__((vector_size(HEWN_VBYTES)));
using vd = double __attribute__((vector_size(HEWN_VBYTES)));
using vi = int32_t __attribute__((vector_size(HEWN_VBYTES)));
using vl = int64_t __attribute__((vector_size(HEWN_VBYTES)));

/// Lanes of vf and vi, and of vd and vl.
constexpr int W = HEWN_VBYTES / 4;
constexpr int WD = HEWN_VBYTES / 8;
/// Vector registers.
#if HEWN_VBYTES == 64 || defined(__aarch64__)
constexpr int n_registers = 32;
#else
constexpr int n_registers = 16;
#endif

/// The same value in every lane.
HEWN_INLINE vf set1(float x) { return x - vf{}; }
HEWN_INLINE vd set1(double x) { return x - vd{}; }
HEWN_INLINE vi set1(int32_t x) { return x - vi{}; }

/// Loads or stores W or WD consecutive elements at any address (aligned addresses gain nothing from aligned
/// instructions).
HEWN_INLINE vf load(const float* p) {
  vf v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
HEWN_INLINE vd load(const double* p) {
  vd v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
HEWN_INLINE vi load(const int32_t* p) {
  vi v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
HEWN_INLINE void store(float* p, vf v) { __builtin_memcpy(p, &v, sizeof v); }
HEWN_INLINE void store(double* p, vd v) { __builtin_memcpy(p, &v, sizeof v); }
HEWN_INLINE void store(int32_t* p, vi v) { __builtin_memcpy(p, &v, sizeof v); }

/// The same bits as another type.
HEWN_INLINE vi as_int(vf v) { return reinterpret_cast<vi>(v); }
HEWN_INLINE vl as_int(vd v) { return reinterpret_cast<vl>(v); }
HEWN_INLINE vf as_float(vi v) { return reinterpret_cast<vf>(v); }
HEWN_INLINE vd as_float(vl v) { return reinterpret_cast<vd>(v); }

/// 0, 1, 2, ... W - 1.
HEWN_INLINE vi lane_index() {
  vi v{};
  for (int i = 0; i < W; ++i) v[i] = i;
  return v;
}

// Operations that differ between instruction sets. fma(a, b, c) is a * b + c, rounded once if the hardware
// can, twice with SSE2. max and min return b if either operand is NaN: pass the value that may be NaN second.
// `any` is whether a comparison is true in some lane. load_part reads the first n of W lanes, 0 <= n <= W,
// and touches no other memory; the remaining lanes become 0. store_part writes the first n. Short vectors
// test for n = W: on AMD's processors a masked store of 32 bytes is slow (about 40 micro-operations).

#if HEWN_VBYTES == 64

HEWN_INLINE vf fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
HEWN_INLINE vd fma(vd a, vd b, vd c) { return _mm512_fmadd_pd(a, b, c); }
HEWN_INLINE vf max(vf a, vf b) { return _mm512_maskz_max_ps(0xffff, a, b); }
HEWN_INLINE vf min(vf a, vf b) { return _mm512_maskz_min_ps(0xffff, a, b); }
HEWN_INLINE vf sqrt(vf a) { return _mm512_maskz_sqrt_ps(0xffff, a); }
HEWN_INLINE vd sqrt(vd a) { return _mm512_maskz_sqrt_pd(0xff, a); }
HEWN_INLINE bool any(vi mask) { return _mm512_movepi32_mask(reinterpret_cast<__m512i>(mask)) != 0; }

HEWN_INLINE __mmask16 first_lanes(int64_t n) { return static_cast<__mmask16>((1u << n) - 1u); }
HEWN_INLINE vf load_part(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(first_lanes(n), p); }
HEWN_INLINE void store_part(float* p, vf v, int64_t n) { _mm512_mask_storeu_ps(p, first_lanes(n), v); }
HEWN_INLINE vd load_part(const double* p, int64_t n) {
  return _mm512_maskz_loadu_pd(static_cast<__mmask8>(first_lanes(n)), p);
}
HEWN_INLINE void store_part(double* p, vd v, int64_t n) {
  _mm512_mask_storeu_pd(p, static_cast<__mmask8>(first_lanes(n)), v);
}

#elif HEWN_VBYTES == 32

HEWN_INLINE vf fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
HEWN_INLINE vd fma(vd a, vd b, vd c) { return _mm256_fmadd_pd(a, b, c); }
HEWN_INLINE vf max(vf a, vf b) { return _mm256_max_ps(a, b); }
HEWN_INLINE vf min(vf a, vf b) { return _mm256_min_ps(a, b); }
HEWN_INLINE vf sqrt(vf a) { return _mm256_sqrt_ps(a); }
HEWN_INLINE vd sqrt(vd a) { return _mm256_sqrt_pd(a); }
HEWN_INLINE bool any(vi mask) { return _mm256_movemask_ps(reinterpret_cast<__m256>(mask)) != 0; }

HEWN_INLINE __m256i first_lanes(int64_t n) {
  return reinterpret_cast<__m256i>(lane_index() < static_cast<int32_t>(n));
}
HEWN_INLINE __m256i first_lanes_d(int64_t n) { return reinterpret_cast<__m256i>(vl{0, 1, 2, 3} < n); }
HEWN_INLINE vf load_part(const float* p, int64_t n) {
  return n == W ? load(p) : _mm256_maskload_ps(p, first_lanes(n));
}
HEWN_INLINE void store_part(float* p, vf v, int64_t n) {
  n == W ? store(p, v) : _mm256_maskstore_ps(p, first_lanes(n), v);
}
HEWN_INLINE vd load_part(const double* p, int64_t n) {
  return n == WD ? load(p) : _mm256_maskload_pd(p, first_lanes_d(n));
}
HEWN_INLINE void store_part(double* p, vd v, int64_t n) {
  n == WD ? store(p, v) : _mm256_maskstore_pd(p, first_lanes_d(n), v);
}

#else

#if defined(__aarch64__)
HEWN_INLINE vf fma(vf a, vf b, vf c) {
  return reinterpret_cast<vf>(vfmaq_f32(reinterpret_cast<float32x4_t>(c), reinterpret_cast<float32x4_t>(a),
                                        reinterpret_cast<float32x4_t>(b)));
}
HEWN_INLINE vd fma(vd a, vd b, vd c) {
  return reinterpret_cast<vd>(vfmaq_f64(reinterpret_cast<float64x2_t>(c), reinterpret_cast<float64x2_t>(a),
                                        reinterpret_cast<float64x2_t>(b)));
}
HEWN_INLINE vf max(vf a, vf b) { return a > b ? a : b; }
HEWN_INLINE vf min(vf a, vf b) { return a < b ? a : b; }
HEWN_INLINE vf sqrt(vf a) { return reinterpret_cast<vf>(vsqrtq_f32(reinterpret_cast<float32x4_t>(a))); }
HEWN_INLINE vd sqrt(vd a) { return reinterpret_cast<vd>(vsqrtq_f64(reinterpret_cast<float64x2_t>(a))); }
HEWN_INLINE bool any(vi mask) { return vmaxvq_u32(reinterpret_cast<uint32x4_t>(mask)) != 0; }
#else
HEWN_INLINE vf fma(vf a, vf b, vf c) { return a * b + c; }
HEWN_INLINE vd fma(vd a, vd b, vd c) { return a * b + c; }
HEWN_INLINE vf max(vf a, vf b) { return _mm_max_ps(a, b); }
HEWN_INLINE vf min(vf a, vf b) { return _mm_min_ps(a, b); }
HEWN_INLINE vf sqrt(vf a) { return _mm_sqrt_ps(a); }
HEWN_INLINE vd sqrt(vd a) { return _mm_sqrt_pd(a); }
HEWN_INLINE bool any(vi mask) { return _mm_movemask_ps(reinterpret_cast<__m128>(mask)) != 0; }
#endif

HEWN_INLINE vf load_part(const float* p, int64_t n) {
  if (n == W) return load(p);
  vf v{};
  for (int64_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
}
HEWN_INLINE void store_part(float* p, vf v, int64_t n) {
  if (n == W) return store(p, v);
  for (int64_t i = 0; i < n; ++i) p[i] = v[i];
}
HEWN_INLINE vd load_part(const double* p, int64_t n) {
  if (n == WD) return load(p);
  vd v{};
  for (int64_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
}
HEWN_INLINE void store_part(double* p, vd v, int64_t n) {
  if (n == WD) return store(p, v);
  for (int64_t i = 0; i < n; ++i) p[i] = v[i];
}

#endif

/// load_part that fills the lanes from n on with a given value, such as -inf for a maximum.
HEWN_INLINE vf load_part(const float* p, int64_t n, float rest) {
  return lane_index() < static_cast<int32_t>(n) ? load_part(p, n) : set1(rest);
}
HEWN_INLINE vd load_part(const double* p, int64_t n, double rest) {
  vd v = load_part(p, n);
  for (int64_t i = n; i < WD; ++i) v[i] = rest;
  return v;
}

/// The lanes that a step of `for_lanes` covers: all, or the first n.
struct AllLanes {};
struct FirstLanes {
  int64_t n;
};
HEWN_INLINE vf load(const float* p, AllLanes) { return load(p); }
HEWN_INLINE vf load(const float* p, FirstLanes lanes) { return load_part(p, lanes.n); }
HEWN_INLINE vf load(const float* p, AllLanes, float) { return load(p); }
HEWN_INLINE vf load(const float* p, FirstLanes lanes, float rest) { return load_part(p, lanes.n, rest); }
HEWN_INLINE void store(float* p, vf v, AllLanes) { store(p, v); }
HEWN_INLINE void store(float* p, vf v, FirstLanes lanes) { store_part(p, v, lanes.n); }
HEWN_INLINE vd load(const double* p, AllLanes) { return load(p); }
HEWN_INLINE vd load(const double* p, FirstLanes lanes) { return load_part(p, lanes.n); }
HEWN_INLINE vd load(const double* p, AllLanes, double) { return load(p); }
HEWN_INLINE vd load(const double* p, FirstLanes lanes, double rest) { return load_part(p, lanes.n, rest); }
HEWN_INLINE void store(double* p, vd v, AllLanes) { store(p, v); }
HEWN_INLINE void store(double* p, vd v, FirstLanes lanes) { store_part(p, v, lanes.n); }

/// p (set or add) v.
template <class Lanes>
HEWN_INLINE void write(float* p, vf v, Write how, Lanes lanes) {
  store(p, how == Write::add ? load(p, lanes) + v : v, lanes);
}

/// Calls step(i, lanes) for i = begin, begin + W, ... up to end; the last call may cover fewer lanes:
/// `for_lanes(0, n, [&](int64_t i, auto lanes) { store(y + i, exp(load(x + i, lanes)), lanes); });`
/// `for_lanes<WD>` is for doubles.
template <int width = W, class Step>
HEWN_INLINE void for_lanes(int64_t begin, int64_t end, const Step& step) {
  int64_t i = begin;
  for (; i + width <= end; i += width) step(i, AllLanes{});
  if (i < end) step(i, FirstLanes{end - i});
}

HEWN_INLINE vf abs(vf a) { return as_float(as_int(a) & 0x7fffffff); }

struct Plus {
  template <class T>
  HEWN_INLINE T operator()(T a, T b) const {
    return a + b;
  }
};
struct Larger {
  template <class T>
  HEWN_INLINE T operator()(T a, T b) const {
    return a > b ? a : b;
  }
};

/// Folds the upper half of the lanes onto the lower half until one lane is left.
template <class Op>
HEWN_INLINE float fold_lanes(vf v, Op op) {
#if HEWN_VBYTES == 64
  const auto v8 = op(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                     __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
#else
  const auto v8 = v;
#endif
#if HEWN_VBYTES >= 32
  const auto v4 =
      op(__builtin_shufflevector(v8, v8, 0, 1, 2, 3), __builtin_shufflevector(v8, v8, 4, 5, 6, 7));
#else
  const auto v4 = v8;
#endif
  return op(op(v4[0], v4[2]), op(v4[1], v4[3]));
}

/// The sum of the lanes, always added in the same order.
HEWN_INLINE float sum_lanes(vf v) { return fold_lanes(v, Plus{}); }
HEWN_INLINE double sum_lanes(vd v) {
  double sum = v[0];
  for (int i = 1; i < WD; ++i) sum += v[i];
  return sum;
}

/// The largest lane. A NaN may or may not survive.
HEWN_INLINE float max_lanes(vf v) { return fold_lanes(v, Larger{}); }

}  // namespace
}  // namespace hewn
