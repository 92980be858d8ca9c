#pragma once
// The transformer: GPT-2 (Radford et al., "Language models are unsupervised multitask learners", 2019) and,
// by configuration, its variants, such as Llama (Touvron et al., "LLaMA: open and efficient foundation
// language models", 2023). Read gpt.cpp from top to bottom: MLP, block, model.

#include <optional>
#include <string>
#include <vector>

#include "model/attention.h"
#include "model/head.h"
#include "model/layers.h"
#include "model/model.h"
#include "model/positions.h"

namespace hewn {

/// Two linear layers with an activation between: [B, T, C] -> [B, T, mlp_size] -> [B, T, C].
class Mlp {
 public:
  Mlp(Parameters& parameters, const std::string& name, const ModelConfig& config, int64_t layer);
  /// residual + dropout(c_proj(act(c_fc(x)))), all [B, T, C]; an undefined residual counts as zero.
  Tensor operator()(const Tensor& x, const Tensor& residual, const ForwardOptions& options) const;

 private:
  MlpActivation act_;
  TensorTypes types_;
  LinearLayer c_fc_;      // [C, mlp_size]; with swiglu [C, 2 mlp_size], gate | up
  ResidualLayer c_proj_;  // [mlp_size, C]
};

/// A layer of the transformer: attention and MLP, each with its norm and its residual connection.
class Block {
 public:
  Block(Parameters& parameters, const ModelConfig& config, int64_t layer);
  /// x [B, T, C] -> [B, T, C].
  Tensor operator()(const Tensor& x, const ForwardOptions& options) const;

 private:
  std::string name_;  // "h.3", in profiles and messages
  NormPlace norm_place_;
  TensorTypes types_;
  bool residual_;  // false: without residual connections
  NormLayer ln_1_;
  SelfAttention attn_;
  NormLayer ln_2_;
  Mlp mlp_;
};

class Gpt final : public Model {
 public:
  /// Declares the parameters; `make_model` allocates them.
  explicit Gpt(const ModelConfig& config);

  Tensor loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options = {}) override;
  Tensor target_losses(const Tensor& tokens, const Tensor& targets,
                       const ForwardOptions& options = {}) override;
  Tensor logits(const Tensor& tokens, const ForwardOptions& options = {}) override;
  bool caches_keys() const override { return true; }

  /// The head's input [B, T, C] and its logits [B, T, V] if the residual stream after the blocks were x [B,
  /// T, C]. For tools that look between the blocks; records nothing.
  Tensor head_input(const Tensor& x);
  Tensor logits_of(const Tensor& x);

 private:
  std::unique_ptr<Cache> new_cache(int64_t batch, int64_t capacity, KvFormat kv) const override;
  /// Token and position embeddings: [B, T] -> [B, T, C].
  Tensor embed(const Tensor& tokens, const ForwardOptions& options);
  /// Everything but the head: tokens [B, T] -> [B, T, C].
  Tensor trunk(const Tensor& tokens, const ForwardOptions& options);
  /// The output of the blocks as the head reads it: normalised if norm_place = pre: x [B, T, C] -> [B, T, C].
  Tensor norm_of(const Tensor& x) const;

  TensorTypes types_;
  Parameter* wte_;             // token embeddings, [V, C]; [V, C / 2] where positions are concatenated
  PositionTable wpe_;          // [block_size, C], or C / 2
  std::vector<Block> blocks_;  // n_layer
  NormLayer ln_f_;             // exists only with norm_place = pre
  std::optional<Head> head_;   // declared last
};

/// FLOPs per training token in matrix products, as counted for model FLOPs utilisation (Chowdhery et al.,
/// "PaLM", 2022, appendix B): 6 per weight of a product (2 each for the product, the weight's gradient and
/// the input's gradient; gradients count only if computed); plus the FLOPs of attention, without the pairs
/// excluded by the causal mask or a window. Work repeated by `recompute` does not count.
double product_flops_per_token(const Gpt& model);

}  // namespace hewn
