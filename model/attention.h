#pragma once
// Causal self-attention in three forms that compute the same thing: one small module per head, all heads at
// once with the T x T weights written out, and block-wise without them (FlashAttention, Dao et al. 2022). The
// parameters are the same, so that a model can change form at any time.

#include "kernels/rotary/op.h"
#include "model/layers.h"
#include "model/model.h"

namespace hewn {

/// What one application of attention needs besides its input.
struct AttentionPass {
  int64_t layer = 0;
  uint32_t weights_site = 0, output_site = 0;  ///< of dropout
  const ForwardOptions& options;
};

struct SelfAttention {
  LinearLayer c_attn;  ///< [C, (H + 2 Hkv) D]: queries, keys, values of all heads side by side
  LinearLayer c_proj;  ///< [C, C]
  ModelConfig config;

  SelfAttention(Parameters& parameters, const std::string& name, const ModelConfig& config, double deviation,
                double join_deviation);
  /// residual + c_proj(attention(x)), x [B, T, C]; an undefined residual counts as zero.
  Tensor operator()(const Tensor& x, const Tensor& residual, const AttentionPass& pass) const;

 private:
  /// Queries, keys and values, packed [B, T, (H + 2 Hkv) D]; the first two turned by their positions.
  Tensor project(const Tensor& x) const;
  /// The same as bf16 where attention has tensor cores for it, i.e. on GPUs in mixed precision, for heads of
  /// up to 128 in whole pieces of 16 bytes.
  Tensor project_bf16(const Tensor& x) const;
  Tensor with_positions(const Tensor& qkv, int64_t start) const;
  RotaryOptions turn(int64_t start) const;
  Tensor per_head(const Tensor& x, const AttentionPass& pass) const;
  Tensor batched(const Tensor& x, const AttentionPass& pass) const;
  Tensor fused(const Tensor& x, const AttentionPass& pass) const;
  Tensor cached(const Tensor& x, const AttentionPass& pass) const;
  /// New queries [B, T, ..] against everything in a cache, which takes their keys and values.
  Tensor attend(const Tensor& qkv, KvCache& cache, int64_t layer) const;
};

}  // namespace hewn
