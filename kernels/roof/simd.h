#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/contract/isa.h"

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

}  // namespace hewn
