#pragma once
// All kernels of this room; list.cpp arranges them in ladders.

#include <cmath>

#include "kernels/layernorm/abi.h"
#include "kernels/simd/row_blocks.h"

namespace hewn {

/// The oracle: plain loops in double, for all types.
void layernorm_reference(const Launch&, const LayernormForward& a);
void layernorm_reference(const Launch&, const LayernormBackward& a);

// Lessons.

/// Teaching rungs, float only; list.cpp states the idea of each.
void layernorm_welford(const Launch&, const LayernormForward& a);
void layernorm_shifted(const Launch&, const LayernormForward& a);
void layernorm_openmp(const Launch& launch, const LayernormForward& a);
void layernorm_by_rows(const Launch&, const LayernormBackward& a);
size_t layernorm_by_rows_scratch(const LayernormBackward& a, int threads);

/// Writes row r of y and of the statistics from its mean and variance.
inline void write_normalized(const LayernormForward& a, int64_t r, double mean, double variance) {
  const auto *x = static_cast<const float*>(a.x) + r * a.cols, *weight = static_cast<const float*>(a.weight);
  const auto* bias = static_cast<const float*>(a.bias);
  auto* y = static_cast<float*>(a.y) + r * a.cols;
  const double rstd = 1 / std::sqrt(variance + a.eps);
  for (int64_t i = 0; i < a.cols; ++i) {
    const auto n = static_cast<float>((static_cast<double>(x[i]) - mean) * rstd);
    y[i] = n * weight[i] + (bias ? bias[i] : 0);
  }
  a.stats[2 * r] = mean;
  a.stats[2 * r + 1] = rstd;
}

// SIMD, compiled once per instruction set.

template <Isa I>
void layernorm_simd(const Launch& launch, const LayernormForward& a);
template <Isa I>
void layernorm_backward_simd(const Launch& launch, const LayernormBackward& a);

// GPUs.

/// The ladder for GPUs; a comment above each kernel explains its idea. `thread` supports f32 and f64, `block`
/// all types, both rows of any length; the others all types but f64 and rows that held_norms_only accepts.
template <Isa I>
void layernorm_thread_gpu(const Launch& launch, const LayernormForward& a);
template <Isa I>
void layernorm_block_gpu(const Launch& launch, const LayernormForward& a);
template <Isa I>
void layernorm_gpu(const Launch& launch, const LayernormForward& a);

template <Isa I>
void layernorm_block_gpu(const Launch& launch, const LayernormBackward& a);
/// Scratch: column_sum_bytes(rows, cols, 2).
template <Isa I>
void layernorm_gpu(const Launch& launch, const LayernormBackward& a);

}  // namespace hewn
