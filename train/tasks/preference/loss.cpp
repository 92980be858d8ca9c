#include "train/tasks/preference/loss.h"

#include "core/error.h"
#include "kernels/copy/op.h"
#include "kernels/cross_entropy/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/reduce/op.h"

namespace hewn {

Tensor row_log_probabilities(Model& model, const Tensor& tokens, const Tensor& targets,
                             const ForwardOptions& options) {
  return neg(sum(model.target_losses(tokens, targets, options), 1));
}

// With the rewards r = beta (log P - log R) of both answers, sigmoid(r_chosen - r_rejected) is the softmax of [r_chosen,
// r_rejected] at the chosen answer, so -log sigmoid(m) is their cross-entropy with target 0. And -log sigmoid(-m) =
// m - log sigmoid(m), so label smoothing adds s m.
Tensor preference_loss(const Tensor& log_probabilities, const Tensor& reference,
                       const PreferenceConfig& config) {
  const Scope scope("preference");
  const int64_t pairs = log_probabilities.numel() / 2;
  require(log_probabilities.shape() == Shape{2 * pairs} && reference.shape() == Shape{2 * pairs},
          "log probabilities are ", log_probabilities.shape(), ", those of the reference ", reference.shape(),
          "; expected two for each pair");
  const Tensor change = sub(log_probabilities, as_type(reference, log_probabilities.dtype()));
  const Tensor rewards = reshape(scale(change, config.beta), {pairs, 2});
  const Tensor chosen = Tensor::zeros(rewards.device(), DType::i32, {pairs});
  const Tensor loss = cross_entropy(rewards, chosen);
  if (config.label_smoothing == 0) return loss;
  const Tensor margin = sub(contiguous(slice(rewards, 1, 0, 1)), contiguous(slice(rewards, 1, 1, 1)));
  return add(loss, scale(mean(margin), config.label_smoothing));
}

LossOf preference_loss(const PreferenceConfig& config) {
  return [config](Model& model, const BatchOnDevice& batch, const ForwardOptions& options) {
    return preference_loss(row_log_probabilities(model, batch.tokens, batch.targets, options),
                           batch.reference, config);
  };
}

}  // namespace hewn
