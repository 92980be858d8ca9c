#pragma once
// Parameters common to all kernels, besides their operands. Plain data, because SIMD sources include it.

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "core/write.h"
#include "kernels/contract/isa.h"

namespace hewn {

/// A kernel runs in order on its stream, on at most `threads` CPU threads, with `scratch` for its
/// exclusive use. It never allocates, throws or synchronises, and the order of its sums depends only
/// on shapes and dtype.
struct Launch {
  int threads = 1;
  void* scratch = nullptr;  ///< aligned to 256, `scratch_bytes` long, uninitialised
  size_t scratch_bytes = 0;
  void* stream =
      nullptr;  ///< of a GPU: a cudaStream_t, or the emulator's; null: none, and kernels run immediately
};

/// The cost of some work: floating-point operations (a fused multiply-add counts as two), and the least
/// number of bytes that must move between memory and processor.
struct Cost {
  double flops = 0;
  double bytes = 0;
};

/// Values that change from step to step. They live on the device, where kernels read them, so that a step can
/// be captured once and replayed, and so that the optimizer refuses a non-finite step by itself.
struct StepState {
  uint64_t seed = 0;       ///< of dropout
  int64_t step = 0;        ///< counts optimizer steps from 0
  int64_t micro_step = 0;  ///< within an accumulated step
  double learning_rate = 0;
  double grad_norm = 0;    ///< global norm of the gradients, before clipping
  double clip_factor = 1;  ///< factor that the optimizer applies to gradients
  int64_t non_finite = 0;  ///< nonzero if loss or gradients contain NaN or Inf: the update does nothing
};

template <class Args>
struct Ladder;

}  // namespace hewn
