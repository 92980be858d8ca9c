#pragma once
// All kernels of this room; list.cpp arranges them in ladders.

#include "kernels/global_norm/abi.h"

namespace hewn {

/// The oracle: one sequential sum, for f32 and f64.
void global_norm_reference(const Launch&, const GlobalNorm& a);
void step_loss_reference(const Launch&, const StepLoss& a);

/// Derives the step state from the sum of squares.
void conclude_norm(const GlobalNorm& a, double sum_of_squares);

// SIMD, compiled once per instruction set.

/// Elements per block: the unit of work, and of the fixed order of the sum.
inline constexpr int64_t norm_block = 8192;

template <Isa I>
void global_norm_simd(const Launch& launch, const GlobalNorm& a);

// GPUs.

/// f32 and f64. Scratch: global_norm_gpu_scratch.
template <Isa I>
void global_norm_gpu(const Launch& launch, const GlobalNorm& a);

template <Isa I>
void step_loss_gpu(const Launch& launch, const StepLoss& a);

/// Elements per block of threads.
inline constexpr int64_t norm_gpu_block = 32768;

/// The number of blocks for a span.
constexpr int64_t norm_gpu_blocks(int64_t n) { return (n + norm_gpu_block - 1) / norm_gpu_block; }

/// One double per block, over all spans.
inline size_t global_norm_gpu_scratch(const GlobalNorm& a, int) {
  int64_t blocks = 0;
  for (int s = 0; s < a.n_spans; ++s) blocks += norm_gpu_blocks(a.spans[s].n);
  return static_cast<size_t>(blocks) * sizeof(double);
}

}  // namespace hewn
