#pragma once
// Baselines that see only one token; a transformer must beat them.

#include "model/model.h"

namespace hewn {

/// A table of logits: row t holds the logits of the token that follows token t.
class Bigram final : public Model {
 public:
  explicit Bigram(const ModelConfig& config);
  Tensor loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options = {}) override;
  Tensor target_losses(const Tensor& tokens, const Tensor& targets,
                       const ForwardOptions& options = {}) override;
  Tensor logits(const Tensor& tokens, const ForwardOptions& options = {}) override;

 private:
  Parameter* table_;  // [V, V]
};

/// An embedding and a linear layer: a bigram table of rank n_embd.
class BigramLinear final : public Model {
 public:
  explicit BigramLinear(const ModelConfig& config);
  Tensor loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options = {}) override;
  Tensor target_losses(const Tensor& tokens, const Tensor& targets,
                       const ForwardOptions& options = {}) override;
  Tensor logits(const Tensor& tokens, const ForwardOptions& options = {}) override;

 private:
  Parameter *wte_, *head_;  // [V, C] each
  Parameter* bias_;         // [V], null without biases
};

}  // namespace hewn
