#pragma once
// All kernels of this room; list.cpp arranges them in ladders.

#include "kernels/optimizer/abi.h"

namespace hewn {

/// The oracle: element by element in double, for f32 and f64.
void update_reference(const Launch&, const ParameterUpdate& a);

/// The oracle: one Philox block per element.
void round_reference(const Launch&, const StochasticRounding& a);

/// The factors common to all elements of one update that have decay, or that have none.
struct UpdateScalars {
  double clip;        ///< multiplies the gradients
  double keep;        ///< adamw: factor of the old w, 1 - lr weight_decay; else 1
  double decay;       ///< adam, sgd: factor of w in the gradient; else 0
  double step_size;   ///< lr / (1 - beta1^t); sgd: lr
  double root_scale;  ///< 1 / sqrt(1 - beta2^t)
};
UpdateScalars scalars_of(const ParameterUpdate& a, bool decayed);

// Lessons.

/// Teaching rung, float and AdamW only; list.cpp states its idea.
void update_sweeps(const Launch& launch, const ParameterUpdate& a);

// SIMD, compiled once per instruction set.

template <Isa I>
void update_simd(const Launch& launch, const ParameterUpdate& a);

template <Isa I>
void round_simd(const Launch& launch, const StochasticRounding& a);

// GPUs.

/// f32 and f64, with or without bf16 copies.
template <Isa I>
void update_gpu(const Launch& launch, const ParameterUpdate& a);

/// Half a warp processes a group of 64 elements, each thread every sixteenth of them.
template <Isa I>
void round_gpu(const Launch& launch, const StochasticRounding& a);

}  // namespace hewn
