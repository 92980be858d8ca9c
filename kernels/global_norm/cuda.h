#pragma once

#include "kernels/global_norm/abi.h"

namespace hewn {

/// f32 and f64. Scratch: global_norm_gpu_scratch.
template <Isa I>
void global_norm_gpu(const Launch& launch, const GlobalNorm& a);

template <Isa I>
void step_loss_gpu(const Launch& launch, const StepLoss& a);

/// Elements whose squares one block adds up.
inline constexpr int64_t norm_gpu_block = 32768;

/// Blocks for a span.
constexpr int64_t norm_gpu_blocks(int64_t n) { return (n + norm_gpu_block - 1) / norm_gpu_block; }

/// One double per block of all spans.
inline size_t global_norm_gpu_scratch(const GlobalNorm& a, int) {
  int64_t blocks = 0;
  for (int s = 0; s < a.n_spans; ++s) blocks += norm_gpu_blocks(a.spans[s].n);
  return static_cast<size_t>(blocks) * sizeof(double);
}

}  // namespace hewn
