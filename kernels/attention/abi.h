#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

/// Location of queries, keys, values or their gradients: element (b, h, t, d) is
/// data[b * batch + h * head + t * row + d].
struct Heads {
  const void* data;
  int64_t batch, head, row;
};
struct HeadsOut {
  void* data;
  int64_t batch, head, row;
};

/// Causal attention of H query heads over Hkv heads of keys and values: query head h reads key head
/// h / (H / Hkv). The queries are the last Tq of Tk positions, so query i has position t = Tk - Tq + i; it
/// attends to the `window` keys t - window + 1 .. t, as far as they exist. With dropout > 0,
/// probability (i, j) is dropped or kept by element ((b H + h) Tq + i) Tk + j of the dropout room's mask for
/// [B, H, Tq, Tk].
struct AttentionSizes {
  DType dtype;        ///< of the operands; with bf16, lse and all arithmetic are float32
  int64_t B, H, Hkv;  ///< Hkv divides H
  int64_t Tq, Tk, D;
  int64_t window;  ///< > 0; Tk or more: all keys up to the query's position
  double scale;    ///< > 0, of the scores: s_ij = scale q_i . k_j
  double dropout;
  const StepState* state;  ///< read only with dropout
  uint32_t site;
  /// Tk - Tq, the position of the first query, in device memory; or null. GPU kernels that accept it derive
  /// the number of keys from it instead of Tk, so that a captured launch can be replayed as keys are added,
  /// up to `capacity`.
  const int32_t* position = nullptr;
  int64_t capacity = 0;  ///< read only with position; determines how a GPU divides the work
  DType lse_dtype() const { return dtype == DType::bf16 ? DType::f32 : dtype; }
};

/// y_i = sum_j d_ij p_ij v_j, p_ij = exp(s_ij - lse_i), lse_i = log sum_j exp(s_ij), d the dropout mask.
struct AttentionForward : AttentionSizes {
  Heads q, k, v;
  HeadsOut y;
  void* lse;  ///< [B, H, Tq], saved for the backward pass
};

/// dv_j = sum_i d_ij p_ij dy_i, ds_ij = p_ij (d_ij dy_i . v_j - dy_i . y_i),
/// dq_i = scale sum_j ds_ij k_j, dk_j = scale sum_i ds_ij q_i; dk and dv summed over the query
/// heads that read them.
struct AttentionBackward : AttentionSizes {
  Heads q, k, v, y, dy;
  const void* lse;  ///< [B, H, Tq]
  HeadsOut dq, dk, dv;
  Write to_dq, to_dk, to_dv;
};

/// The number of items into which the query heads of one key head are split in the backward pass: where key
/// heads are few, one item per query head, each with its own dk and dv, which are summed afterwards. Depends
/// only on the shape, as does the order of the sums.
constexpr int64_t backward_parts(const AttentionSizes& a) { return a.B * a.Hkv < 16 ? a.H / a.Hkv : 1; }

/// Scratch for these dk and dv, in floats; it precedes the workers' shares.
constexpr int64_t backward_parts_scratch(const AttentionSizes& a) {
  const int64_t parts = backward_parts(a), width = (a.D + 15) / 16 * 16;
  return parts == 1 ? 0 : a.B * a.Hkv * parts * 2 * a.Tk * width;
}

const Ladder<AttentionForward>& ladder_of(const AttentionForward&);
const Ladder<AttentionBackward>& ladder_of(const AttentionBackward&);

}  // namespace hewn
