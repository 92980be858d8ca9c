#pragma once

#include "core/tape.h"

namespace hewn {

/// Options of causal attention.
struct AttentionOptions {
  int64_t n_head = 1;      ///< query heads H; used only for packed projections
  int64_t n_kv_head = 0;   ///< heads of keys and values, divides n_head; 0: n_head. Packed only
  int64_t window = 0;      ///< sliding window: keys per query, its own included; 0: all
  double dropout = 0;      ///< rate, for the attention probabilities, in [0, 1)
  Tensor step_state = {};  ///< u8 [sizeof(StepState)] on the device; required with dropout
  uint32_t site = 0;       ///< index of this dropout in the model, as in dropout()
  /// i32 on the device, or undefined: the position of the first query, Tk - Tq. For captured launches on GPUs, which
  /// follow it while Tk grows up to `capacity`; every other kernel uses Tk.
  Tensor position = {};
  int64_t capacity = 0;
};

/// Causal attention on the packed projection: qkv [B, T, (H + 2 Hkv) D] = q [B, T, H, D] | k | v, both
/// [B, T, Hkv, D] -> [B, T, H D]. Query head h reads key head h / (H / Hkv). Scores are scaled by
/// 1 / sqrt(D). No T x T matrix is stored. f32, f64, or bf16 with float32 sums.
Tensor causal_attention(const Tensor& qkv, const AttentionOptions& options);

/// The same for separate q [B, H, Tq, D], k and v [B, Hkv, Tk, D], Tq <= Tk, of any strides with
/// contiguous rows, e.g. views of a cache: the queries are the last Tq positions. -> [B, H, Tq, D].
/// Ignores `n_head` and `n_kv_head`.
Tensor causal_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                        const AttentionOptions& options = {});

/// The same composed of matmul, scale, softmax and dropout, all contiguous, with the [B, H, Tq, Tk] weights
/// stored: the fused operation is tested against it, and it shows how attention works.
Tensor causal_attention_composed(const Tensor& q, const Tensor& k, const Tensor& v,
                                 const AttentionOptions& options = {});
/// The same for the packed projection, whose heads are copied first.
Tensor causal_attention_composed(const Tensor& qkv, const AttentionOptions& options);

}  // namespace hewn
