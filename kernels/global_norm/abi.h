#pragma once

#include "kernels/launch.h"

namespace hewn {

/// One contiguous run of gradients.
struct GradientSpan {
  const void* data;
  int64_t n;
};

/// The norm of all gradients together, and what follows from it:
/// state.grad_norm = sqrt(sum_i g_i^2), state.clip_factor = min(1, max_norm / (grad_norm + 1e-6)) (1 when
/// max_norm is 0), state.non_finite = whether the norm is NaN or infinite. Squares are summed in double, in
/// blocks of fixed size.
struct GlobalNorm {
  static constexpr int max_spans = 4;
  DType dtype;
  int n_spans;
  GradientSpan spans[max_spans];
  double max_norm;
  StepState* state;
};

const Ladder<GlobalNorm>& ladder_of(const GlobalNorm&);

}  // namespace hewn
