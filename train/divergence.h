#pragma once
// The divergence between two models, such as a model and its quantised version.

#include <cstdint>

#include "model/model.h"
#include "train/data/data.h"
#include "train/eval.h"

namespace hewn {

/// Measures over the tokens of a text; P is the distribution of a token under the model before, Q under the
/// model after.
struct Divergence {
  int64_t tokens = 0;
  double loss_before = 0, loss_after = 0;  ///< mean -log of the token's probability, in nats
  /// Half of the 95% interval of loss_after - loss_before: 1.96 standard errors of the mean difference per
  /// token, as if tokens were independent.
  double loss_margin = 0;
  double kl_mean = 0, kl_p99 = 0, kl_max = 0;  ///< sum over the vocabulary of P log(P / Q), in nats
  double same_top = 0;  ///< fraction of the tokens at which both have the same likeliest token
};

/// Scores all validation data with both models, in the windows of `options`. Throws usage unless they have the same
/// vocabulary and the windows fit both; numerical like
/// `finite_loss`; else like `each_scored_batch`.
Divergence divergence(Model& before, Model& after, const Dataset& data, const EvalOptions& options);

}  // namespace hewn
