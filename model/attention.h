#pragma once
// Causal self-attention in three forms with the same result: one module per head; all heads in one batch,
// with explicit T x T weights; and block by block without them (FlashAttention, Dao et al. 2022). They use
// the same parameters, so a model can change form at any time.

#include <optional>

#include "kernels/attention/op.h"
#include "kernels/rotary/op.h"
#include "model/kv_cache.h"
#include "model/layers.h"
#include "model/model.h"

namespace hewn {

class SelfAttention {
 public:
  /// Declares NAME.c_attn and NAME.c_proj of layer number `layer`.
  SelfAttention(Parameters& parameters, const std::string& name, const ModelConfig& config, int64_t layer);
  /// residual + dropout(c_proj(attention(x))), all [B, T, C]; an undefined residual counts as zero. The result is
  /// [B, 1, C] if the options have `ends`.
  Tensor operator()(const Tensor& x, const Tensor& residual, const ForwardOptions& options) const;

 private:
  /// Queries, keys and values of type `result`, packed: [B, T, (H + 2 Hkv) D]. Rotary positions are applied.
  Tensor project(const Tensor& x, DType result, const ForwardOptions& options) const;
  /// The element type of the fused form: the type of activations, but float32 where there are no bf16
  /// kernels. Those run on tensor cores, with heads of at most 128 elements and a multiple of 16 bytes.
  DType fused_type() const;
  /// Rotates the queries and keys of a packed projection whose first row is at position `start`, which is
  /// also in device memory if `position` is defined.
  Tensor with_positions(const Tensor& qkv, int64_t start, const Tensor& position = {}) const;
  /// Options of the operation for one head or for all heads; with dropout of the weights in training.
  AttentionOptions attention_options(int64_t heads, int64_t kv_heads, const ForwardOptions& options) const;

  // x [B, T, C] -> the input of c_proj, which is the heads' outputs side by side: [B, T, C].
  Tensor per_head(const Tensor& x, const ForwardOptions& options) const;
  Tensor batched(const Tensor& x, const ForwardOptions& options) const;
  Tensor fused(const Tensor& x, const ForwardOptions& options) const;
  Tensor cached(const Tensor& x, const ForwardOptions& options) const;
  /// Attention with paged caches: attention of new tokens, given as a packed projection.
  Tensor paged(const Tensor& qkv, std::span<KvCache* const> caches) const;
  /// The same for one contiguous cache. `positions`, if defined, as in ForwardOptions.
  Tensor attend(const Tensor& qkv, KvCache& cache, const Tensor& positions) const;

  LinearLayer c_attn_;    // [C, (H + 2 Hkv) D]: queries, keys and values of all heads side by side
  ResidualLayer c_proj_;  // [C, C]
  DropoutLayer weights_dropout_;
  TensorTypes types_;
  AttentionForm form_;
  std::optional<RotaryOptions> rotary_;  // empty unless positions are rotary
  int64_t layer_;                        // this layer's index in a cache
  int64_t n_head_, n_kv_head_;           // H, Hkv
  int64_t head_size_;                    // D
  int64_t window_;                       // 0: no limit
};

}  // namespace hewn
