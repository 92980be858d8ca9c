#pragma once
// The transformer: GPT-2 (Radford et al., "Language models are unsupervised multitask learners", 2019) and,
// by configuration, its variants, Llama (Touvron et al., "LLaMA: open and efficient foundation language
// models", 2023) among them.

#include <map>
#include <utility>
#include <vector>

#include "model/attention.h"
#include "model/layers.h"
#include "model/model.h"

namespace hewn {

/// Two linear layers with an activation between: [.., C] -> [.., mlp_size] -> [.., C]. With swiglu the first
/// makes gate | up, [.., 2 mlp_size].
struct Mlp {
  LinearLayer c_fc, c_proj;
  Mlp(Parameters& parameters, const std::string& name, const ModelConfig& config);
};

/// One layer: attention and MLP, each with its norm and residual connection.
struct Block {
  NormLayer ln_1;
  SelfAttention attn;
  NormLayer ln_2;
  Mlp mlp;
  Block(Parameters& parameters, const ModelConfig& config, int64_t layer);
};

class Gpt final : public Model {
 public:
  /// Declares the parameters; `make_model` allocates them.
  explicit Gpt(const ModelConfig& config);

  Tensor loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options = {}) override;
  Tensor logits(const Tensor& tokens, const ForwardOptions& options = {}) override;
  bool uses_cache() const override { return true; }

 private:
  /// Token and position embeddings: [B, T] -> [B, T, C].
  Tensor embed(const Tensor& tokens, const ForwardOptions& options);
  const Tensor& position_table();
  /// Where each of the tokens [B, T] stands in its sequence, counted with what a cache holds.
  Tensor positions_of(const Tensor& tokens, const ForwardOptions& options);
  /// What the head sees: [B, T] -> [B, T, C].
  Tensor hidden(const Tensor& tokens, const ForwardOptions& options);
  Tensor apply(const Block& block, Tensor x, int64_t layer, const ForwardOptions& options);
  /// x + f, or f alone without residual connections.
  Tensor mlp(const Block& block, const Tensor& x, const Tensor& residual, int64_t layer,
             const ForwardOptions& options);
  Parameter& head() const { return *(lm_head_ ? lm_head_ : wte_); }

  Parameter *wte_ = nullptr, *wpe_ = nullptr, *lm_head_ = nullptr;
  std::vector<Block> blocks_;
  NormLayer ln_f_;
  Tensor sinusoids_;                                         // [block_size, width], made at first use
  std::map<std::pair<int64_t, int64_t>, Tensor> positions_;  // of training batches [B, T], likewise
};

/// FLOPs per token of training that are in matrix products, as model FLOPs utilisation counts them (Chowdhery
/// et al., "PaLM", 2022, appendix B): 6 per weight that is multiplied with, and those of attention, of which
/// the causal mask and a window leave the part that is counted. Not what is computed twice, nor anything
/// else.
double product_flops_per_token(const Gpt& model);

/// Sinusoidal positions (Vaswani et al., "Attention is all you need", 2017, section 3.5), [length, width]:
/// column 2i is sin(t / 10000^(2i / width)), column 2i + 1 the cosine.
std::vector<double> sinusoids(int64_t length, int64_t width);

}  // namespace hewn
