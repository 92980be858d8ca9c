#pragma once
// All kernels of this room; list.cpp arranges them in ladders.

#include "kernels/attention/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for all dtypes, one row of scores at a time.
void attention_reference(const Launch&, const AttentionForward& a);
void attention_reference(const Launch&, const AttentionBackward& a);
/// Parts of it: y and lse, or dq, of one row of [B, H, Tq]; dk and dv of one row of [B, Hkv, Tk].
void attention_reference_query(const Launch&, const AttentionForward& a, int64_t row);
void attention_reference_query(const Launch&, const AttentionBackward& a, int64_t row);
void attention_reference_key(const Launch&, const AttentionBackward& a, int64_t row);
size_t attention_reference_scratch(const AttentionForward& a, int threads);
size_t attention_reference_scratch(const AttentionBackward& a, int threads);

// Lessons.

/// The textbook algorithm, for f32 and f64: all Tq x Tk scores of a head, then their softmax, then the sums.
void attention_naive(const Launch&, const AttentionForward& a);
void attention_naive(const Launch&, const AttentionBackward& a);
size_t attention_naive_scratch(const AttentionForward& a, int threads);
size_t attention_naive_scratch(const AttentionBackward& a, int threads);

// SIMD, compiled once per instruction set.

template <Isa I>
void attention_rows(const Launch& launch, const AttentionForward& a);

template <Isa I>
void attention_online(const Launch& launch, const AttentionForward& a);
template <Isa I>
void attention_backward_online(const Launch& launch, const AttentionBackward& a);

template <Isa I>
void attention_lanes(const Launch& launch, const AttentionForward& a);

namespace {

/// The number of items into which the query heads of one key head are split in the backward pass: where key
/// heads are few, one item per query head, each with its own dk and dv, which are summed afterwards. Depends
/// only on the shape, as does the order of the sums.
[[maybe_unused]] constexpr int64_t backward_parts(const AttentionSizes& a) {
  return a.B * a.Hkv < 16 ? a.H / a.Hkv : 1;
}

/// Scratch for these dk and dv, in floats; it precedes the workers' shares.
[[maybe_unused]] constexpr int64_t backward_parts_scratch(const AttentionSizes& a) {
  const int64_t parts = backward_parts(a), width = (a.D + 15) / 16 * 16;
  return parts == 1 ? 0 : a.B * a.Hkv * parts * 2 * a.Tk * width;
}

}  // namespace

template <Isa I>
void attention_tiled(const Launch& launch, const AttentionForward& a);
template <Isa I>
void attention_backward_tiled(const Launch& launch, const AttentionBackward& a);

// Attention on GPUs. The backward passes use no atomics: each output element is written by one block, and the
// probabilities are recomputed from the saved lse.

/// f32 and f64: one thread per query, all scores in scratch [B, H, Tq, Tk].
template <Isa I>
void attention_gpu_naive(const Launch& on, const AttentionForward& a);

/// f32, f64 and bf16, any head size: one warp per query, or per key.
template <Isa I>
void attention_gpu_rows(const Launch& on, const AttentionForward& a);
template <Isa I>
void attention_gpu_rows(const Launch& on, const AttentionBackward& a);

/// f32, heads of up to `most_tiled_width`: a block owns 64 queries and loops over the keys, up to 64 at a
/// time, or owns keys and loops over queries.
template <Isa I>
void attention_gpu_tiled(const Launch& on, const AttentionForward& a);
template <Isa I>
void attention_gpu_tiled(const Launch& on, const AttentionBackward& a);
inline constexpr int64_t most_tiled_width = 128;

/// The same on tensor cores, for bf16 and heads of up to `most_tiled_width`.
template <Isa I>
void attention_gpu_mma(const Launch& on, const AttentionForward& a);
template <Isa I>
void attention_gpu_mma(const Launch& on, const AttentionBackward& a);

/// f32 and bf16, without dropout, up to `few_queries` queries and heads of up to `most_tiled_width`: blocks
/// share the keys of a head (gpu/splits.h).
template <Isa I>
void attention_gpu_few_queries(const Launch& on, const AttentionForward& a);

}  // namespace hewn
