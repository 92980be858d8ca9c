#pragma once
// All kernels of this room; list.cpp has the ladder they form.

#include "kernels/attention/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for f32 and f64, one row of scores at a time.
void attention_reference(const Launch&, const AttentionForward& a);
void attention_reference(const Launch&, const AttentionBackward& a);
size_t attention_reference_scratch(const AttentionForward& a, int threads);
size_t attention_reference_scratch(const AttentionBackward& a, int threads);

// Lessons.

/// The textbook way, for f32 and f64: all Tq x Tk scores of a head, then their softmax, then the sums.
void attention_naive(const Launch&, const AttentionForward& a);
void attention_naive(const Launch&, const AttentionBackward& a);
size_t attention_naive_scratch(const AttentionForward& a, int threads);
size_t attention_naive_scratch(const AttentionBackward& a, int threads);

// Vectors, compiled once per instruction set.

template <Isa I>
void attention_rows(const Launch& launch, const AttentionForward& a);

template <Isa I>
void attention_online(const Launch& launch, const AttentionForward& a);
template <Isa I>
void attention_backward_online(const Launch& launch, const AttentionBackward& a);

template <Isa I>
void attention_lanes(const Launch& launch, const AttentionForward& a);

namespace {

/// Into how many items the query heads of one key head are split backwards: where there are few key heads, as
/// many as there are query heads, each with dk and dv of its own to be summed afterwards. It follows from the
/// shape alone, as the order of the sums does.
[[maybe_unused]] constexpr int64_t backward_parts(const AttentionSizes& a) {
  return a.B * a.Hkv < 16 ? a.H / a.Hkv : 1;
}

/// Scratch for them, in floats, before the workers' shares.
[[maybe_unused]] constexpr int64_t backward_parts_scratch(const AttentionSizes& a) {
  const int64_t parts = backward_parts(a), width = (a.D + 15) / 16 * 16;
  return parts == 1 ? 0 : a.B * a.Hkv * parts * 2 * a.Tk * width;
}

}  // namespace

template <Isa I>
void attention_tiled(const Launch& launch, const AttentionForward& a);
template <Isa I>
void attention_backward_tiled(const Launch& launch, const AttentionBackward& a);

// Attention on GPUs. The backward passes have no atomics: every block owns what it writes, and makes the
// probabilities again from the saved lse.

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
