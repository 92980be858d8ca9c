#pragma once
// All kernels of this room; list.cpp has the ladder they form.

#include "kernels/optimizer/abi.h"

namespace hewn {

/// The oracle: element by element in double, for f32 and f64.
void update_reference(const Launch&, const ParameterUpdate& a);

/// The oracle: a Philox block for each element.
void round_reference(const Launch&, const StochasticRounding& a);

/// What all elements of one update share that decay, or that do not.
struct UpdateScalars {
  double clip;        ///< factor of the gradients
  double keep;        ///< adamw: what remains of w, 1 - lr weight_decay; else 1
  double decay;       ///< adam, sgd: what of w is added to the gradient; else 0
  double step_size;   ///< lr / (1 - beta1^t); sgd: lr
  double root_scale;  ///< 1 / sqrt(1 - beta2^t)
};
UpdateScalars scalars_of(const ParameterUpdate& a, bool decayed);

// Lessons.

/// Teaching rung, float and AdamW only; its idea stands in list.cpp.
void update_sweeps(const Launch& launch, const ParameterUpdate& a);

// Vectors, compiled once per instruction set.

template <Isa I>
void update_simd(const Launch& launch, const ParameterUpdate& a);

template <Isa I>
void round_simd(const Launch& launch, const StochasticRounding& a);

// GPUs.

/// f32 and f64, with or without bf16 copies.
template <Isa I>
void update_gpu(const Launch& launch, const ParameterUpdate& a);

/// Half a warp has the 64 elements of a group, a thread every sixteenth of them.
template <Isa I>
void round_gpu(const Launch& launch, const StochasticRounding& a);

}  // namespace hewn
