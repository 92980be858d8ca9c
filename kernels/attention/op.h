#pragma once

#include "core/tape.h"

namespace hewn {

/// How causal attention is done.
struct AttentionOptions {
  int64_t n_head = 1;      ///< query heads H; only asked of packed projections
  int64_t n_kv_head = 0;   ///< heads of keys and values, a divisor of n_head; 0: as many. Packed only
  int64_t window = 0;      ///< a query sees itself and the window - 1 keys before it; 0: all of them
  double dropout = 0;      ///< of the attention probabilities, in [0, 1)
  Tensor step_state = {};  ///< u8 [sizeof(StepState)] on the device; needed with dropout
  uint32_t site = 0;       ///< number of this dropout in the model, as in dropout()
};

/// Causal attention on the packed projection: qkv [B, T, (H + 2 Hkv) D] = q [B, T, H, D] | k | v, both
/// [B, T, Hkv, D] -> [B, T, H D]. Query head h reads key head h / (H / Hkv). Scores are scaled by 1 /
/// sqrt(D). Nothing T x T is stored. f32, f64, or bf16, whose sums are float32.
Tensor causal_attention(const Tensor& qkv, const AttentionOptions& options);

/// The same of q [B, H, Tq, D], k and v [B, Hkv, Tk, D], Tq <= Tk, of any strides with contiguous rows, e.g.
/// views of a cache: the queries are the last Tq positions. -> [B, H, Tq, D]. `n_head` and `n_kv_head` are
/// not asked.
Tensor causal_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                        const AttentionOptions& options = {});

/// The same from matmul, scale, softmax and dropout, all contiguous, with the [B, H, Tq, Tk] weights written
/// out: what the fused one is compared with, and a form of attention to study.
Tensor causal_attention_composed(const Tensor& q, const Tensor& k, const Tensor& v,
                                 const AttentionOptions& options = {});

}  // namespace hewn
