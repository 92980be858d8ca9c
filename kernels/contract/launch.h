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
      nullptr;  ///< a cudaStream_t or an emulated stream; null: kernels run immediately
};

/// The cost of some work: floating-point operations (a fused multiply-add counts as two), and the least
/// number of bytes that must move between memory and processor.
struct Cost {
  double flops = 0;
  double bytes = 0;
};

/// Values that change from step to step. They live on the device, where kernels read them, so that a step can
/// be captured once and replayed, and so that the optimizer itself refuses a non-finite step.
struct StepState {
  uint64_t seed = 0;       ///< of dropout
  int64_t step = 0;        ///< counts optimizer steps from 0
  int64_t micro_step = 0;  ///< within an accumulated step
  double learning_rate = 0;
  double grad_norm = 0;    ///< global norm of the gradients, before clipping
  double clip_factor = 1;  ///< factor that the optimizer applies to gradients
  int64_t non_finite = 0;  ///< nonzero if loss or gradients contain NaN or Inf: the update does nothing
};

/// The name of a rung as a template argument.
template <size_t n>
struct RungName {
  char text[n]{};
  constexpr RungName(const char (&name)[n]) {  // NOLINT(google-explicit-constructor)
    for (size_t i = 0; i < n; ++i) text[i] = name[i];
  }
};

/// The kernel of the rung `name` of the ladder over arguments A. Every kernel is a specialisation, which its ladder
/// finds by name (contract.h); nothing else declares it:
///
///   template <>
///   void kernel<"online">(const Launch&, const SoftmaxForward& a) { ... }
///
/// In simd*.cpp and *.cu it is `kernel<"simd", Isa::HEWN_ISA>`, once per instruction set.
template <RungName name, Isa isa = Isa::scalar, class A>
void kernel(const Launch& launch, const A& a);

template <class Args>
struct Ladder;

}  // namespace hewn
