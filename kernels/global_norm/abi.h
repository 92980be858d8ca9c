#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

/// Elements per sum of squares.
inline constexpr int64_t norm_block = 32768;
/// The number of blocks of n elements.
constexpr int64_t blocks_of_norm(int64_t n) { return (n + norm_block - 1) / norm_block; }

/// Sums of squares of n gradients, one for each block of `norm_block`, in double. These parts of the global
/// norm can be computed anywhere: only their order in the final sum is fixed.
struct BlockSquares {
  DType dtype;
  int64_t n;
  const void* g;  ///< [n]
  double* sums;   ///< [blocks of n]
};

/// The norm of all gradients together, and the values derived from it: state.grad_norm = sqrt(sum_b sums[b]),
/// state.clip_factor = min(1, max_norm / (grad_norm + 1e-6)) (1 if max_norm is 0), state.non_finite = whether
/// the norm, or the loss if given, is NaN or infinite.
struct GlobalNorm {
  int64_t n_blocks;
  const double* sums;  ///< [n_blocks], of `BlockSquares`
  double max_norm;
  StepState* state;
  const double* loss = nullptr;  ///< of the step
};

/// The contribution of a micro-batch to the loss of its step, in double: sum (=, +=) share * loss; and the
/// initial gradient of its backward pass, share. A sum that is set while state.non_finite is set becomes NaN,
/// so that steps queued after a refused step are refused too.
struct StepLoss {
  DType dtype;          ///< of loss and gradient
  const void* loss;     ///< []
  const double* share;  ///< the micro-batch's share of the targets of the step
  const StepState* state;
  void* gradient;  ///< []
  double* sum;
  Write to_sum;  ///< set for the first micro-batch of the step
};

const Ladder<BlockSquares>& ladder_of(const BlockSquares&);
const Ladder<GlobalNorm>& ladder_of(const GlobalNorm&);
const Ladder<StepLoss>& ladder_of(const StepLoss&);

}  // namespace hewn
