#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

enum class UpdateRule : uint8_t { adamw, adam, sgd };

/// One optimizer step over n contiguous parameters. The first n_decayed have weight decay; for the others
/// weight_decay is 0. Learning rate, step number, clip factor c and the non-finite flag come from `state`; if
/// the flag is set, nothing changes. With g' = c g and t = state.step + 1:
///   adamw (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019, algorithm 2):
///     w -= lr weight_decay w;  m = beta1 m + (1 - beta1) g';  v = beta2 v + (1 - beta2) g'^2;
///     w -= lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
///   adam (Kingma and Ba, 2015, algorithm 1): the same with weight_decay w added to g' instead
///   sgd: g' += weight_decay w;  m = beta1 m + g';  w -= lr m
/// In mixed precision, the new w of the parameters with decay, the matrices, is also written rounded to bf16,
/// for the matrix products of the next step.
struct ParameterUpdate {
  UpdateRule rule;
  DType dtype;
  int64_t n, n_decayed;
  void* w;        ///< [n] parameters
  const void* g;  ///< [n] gradients
  void* m;        ///< [n] first moments, or momentum; zero before the first step
  void* v;        ///< [n] second moments; null with sgd
  double beta1, beta2, eps, weight_decay;
  const StepState* state;
  void* w_bf16 = nullptr;  ///< [n_decayed] bf16 copies of the new w, with f32; null for none
};

/// Stochastic rounding of w to bf16: w_bf16[i] is one of the two bf16 neighbours of w[i]; it is the upper one
/// with a probability equal to the fraction of the way from the lower one, so that the expected result is
/// w[i] (Gupta et al., "Deep learning with limited numerical precision", 2015, section 3.1). On the bits of
/// w: add the upper 16 bits of a random word to the last 16 bits, then truncate these. Infinities and NaN are
/// rounded as usual.
///
/// The word depends only on the seed in `state`, the number of updates of w, and i: it is the word of element
/// first + i in kernels/contract/random_words.h, with {updates, 0, rounding_site} after the block number, so that a
/// matrix can be rounded in parts. If the non-finite flag of `state` is set, nothing changes.
struct StochasticRounding {
  int64_t n;
  const void* w;  ///< [n] f32
  void* w_bf16;   ///< [n] bf16
  const StepState* state;
  int64_t extra;      ///< w has had state->step + extra updates: 1 right after this step's update
  int64_t first = 0;  ///< a multiple of 64
};
/// No dropout of a model has this site number.
inline constexpr uint32_t rounding_site = 0xffffffffu;

/// The factors common to all elements with weight decay, or to all without, in one update.
struct UpdateScalars {
  double clip;        ///< multiplies the gradients
  double keep;        ///< adamw: factor of the old w, 1 - lr weight_decay; else 1
  double decay;       ///< adam, sgd: factor of w in the gradient; else 0
  double step_size;   ///< lr / (1 - beta1^t); sgd: lr
  double root_scale;  ///< 1 / sqrt(1 - beta2^t)
};
UpdateScalars scalars_of(const ParameterUpdate& a, bool decayed);

const Ladder<ParameterUpdate>& ladder_of(const ParameterUpdate&);
const Ladder<StochasticRounding>& ladder_of(const StochasticRounding&);

}  // namespace hewn
