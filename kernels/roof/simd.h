#pragma once

#include <cstdint>

#include "kernels/roof/roof.h"

namespace hewn {

/// `rounds` rounds of `roof_fmas(dtype)` fused multiply-adds; returns a value that depends on all of them.
template <Isa I>
double roof_fma(DType dtype, int64_t rounds);
/// Multiply-adds of one round.
template <Isa I>
int64_t roof_fmas(DType dtype);
/// `rounds` multiply-adds, each of which adds to the result of the previous one.
template <Isa I>
float roof_chain(int64_t rounds);
/// The same as roof_fma with dot products of bf16 pairs; avx512bf16 only.
template <Isa I>
double roof_dots(DType, int64_t rounds);
template <Isa I>
int64_t roof_dots_fmas();
/// The same with products of bf16 tiles; amx only.
template <Isa I>
double roof_tile_products(DType, int64_t rounds);
template <Isa I>
int64_t roof_tile_products_fmas();
/// Sum of n floats, in any order.
template <Isa I>
float roof_read(const float* x, int64_t n);
/// y := 2x for n floats.
template <Isa I>
void roof_copy(const float* x, float* y, int64_t n);

/// y[i] = f(x[i]) for n elements, a multiple of 64.
template <Isa I>
void roof_function(MathFunction f, const float* x, float* y, int64_t n);

/// Rounds of a stream: each reads `read` blocks of x, updates `update` blocks of y and writes `write` blocks
/// of z, then advances. All arrays are aligned to 64 bytes.
struct StreamWork {
  static constexpr int64_t block = 256;  // floats
  const float* x;
  float *y, *z;
  int read, update, write;
  int64_t turns;
};

/// Does the work; returns a value that depends on everything read. `past_caches`: z is written with
/// non-temporal stores.
template <Isa I>
float roof_stream(const StreamWork& work, bool past_caches);

}  // namespace hewn
