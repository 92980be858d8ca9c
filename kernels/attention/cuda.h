#pragma once
// Attention on GPUs. The backward passes have no atomics: every block owns what it writes, and makes the
// probabilities again from the saved lse.

#include "kernels/attention/abi.h"

namespace hewn {

/// f32 and f64: a thread a query, all scores in scratch [B, H, Tq, Tk].
template <Isa I>
void attention_gpu_naive(const Launch& on, const AttentionForward& a);

/// f32, f64 and bf16, heads of any size: a warp a query, or a key.
template <Isa I>
void attention_gpu_rows(const Launch& on, const AttentionForward& a);
template <Isa I>
void attention_gpu_rows(const Launch& on, const AttentionBackward& a);

/// f32, heads of up to `most_tiled_width`: a block has 64 queries and goes over up to 64 keys at a time, or
/// the other way round.
template <Isa I>
void attention_gpu_tiled(const Launch& on, const AttentionForward& a);
template <Isa I>
void attention_gpu_tiled(const Launch& on, const AttentionBackward& a);
inline constexpr int64_t most_tiled_width = 128;

/// bf16, heads of up to `most_tiled_width`: the same on tensor cores.
template <Isa I>
void attention_gpu_mma(const Launch& on, const AttentionForward& a);
template <Isa I>
void attention_gpu_mma(const Launch& on, const AttentionBackward& a);

}  // namespace hewn
