#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

/// One contiguous run of gradients.
struct GradientSpan {
  const void* data;
  int64_t n;
};

/// The norm of all gradients together, and the values derived from it: state.grad_norm = sqrt(sum_i g_i^2),
/// state.clip_factor = min(1, max_norm / (grad_norm + 1e-6)) (1 if max_norm is 0), state.non_finite = whether
/// the norm, or the loss if given, is NaN or infinite. Squares are summed in double, in blocks of fixed size.
struct GlobalNorm {
  static constexpr int max_spans = 4;
  DType dtype;
  int n_spans;
  GradientSpan spans[max_spans];
  double max_norm;
  StepState* state;
  const double* loss = nullptr;  ///< of the step
};

/// The contribution of a micro-batch to the loss of its step, in double: sum (=, +=) share * loss; and the
/// initial gradient of its backward pass, share. A sum that is set while state.non_finite is set becomes NaN,
/// so that steps queued behind a refused step are refused too.
struct StepLoss {
  DType dtype;          ///< of loss and gradient
  const void* loss;     ///< []
  const double* share;  ///< the micro-batch's share of the targets of the step
  const StepState* state;
  void* gradient;  ///< []
  double* sum;
  Write to_sum;  ///< set for the first micro-batch of the step
};

const Ladder<GlobalNorm>& ladder_of(const GlobalNorm&);
const Ladder<StepLoss>& ladder_of(const StepLoss&);

}  // namespace hewn
