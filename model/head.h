#pragma once
// The head of a model: from the states of all positions to logits and losses, over the vocabulary or a
// classifier's labels.

#include "model/model.h"

namespace hewn {

/// The name of a classifier's head, as in Hugging Face's files.
inline constexpr const char* score_name = "score.weight";

class Head {
 public:
  /// A classifier's head declares score.weight [n_labels, C]. A language model's head declares lm_head.weight
  /// [V, C] or, with `tie`, shares `table`, the token embeddings. New weights are normal with this deviation.
  Head(Parameters& parameters, const ModelConfig& config, Parameter* table, double deviation);

  /// The input of the product at each position t, x [B, T, C] -> [B, T, C]: x itself, or with position = mean
  /// the mean of the states of tokens 0 to t.
  Tensor states(const Tensor& x);
  /// x [B, T, C] -> logits [B, T, V]; with `last_only` or `ends`, for those positions only: [B, 1, V].
  Tensor logits(const Tensor& x, const ForwardOptions& options = {});
  /// The losses of all targets: x [B, T, C], targets [B, T] -> [B T], 0 for ignored targets; and their mean,
  /// a scalar.
  Tensor target_losses(const Tensor& x, const Tensor& targets);
  Tensor loss(const Tensor& x, const Tensor& targets);

  /// Whether the head averages over positions.
  bool pools() const { return pools_; }

 private:
  Tensor rows(const Tensor& x);

  bool pools_;
  int64_t block_size_;
  Parameter* weight_;
  Tensor means_;  // [block_size, block_size], created at first use; row t has 1 / (t + 1) up to column t
};

}  // namespace hewn
