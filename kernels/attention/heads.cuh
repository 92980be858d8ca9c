#pragma once
// What GPU kernels of attention share: where rows lie, who sees whom, what dropout does.

#include <limits>

#include "kernels/attention/abi.h"
#include "kernels/dropout/mask.cuh"
#include "kernels/gpu/simt.h"

namespace hewn {
namespace {

/// The score of a key that is not seen.
template <class T>
inline constexpr T unseen = -std::numeric_limits<T>::infinity();

/// Row 0 of head `bh` of the B * H query heads.
template <class T>
__device__ __forceinline__ const T* query_head(const AttentionSizes& a, const Heads& x, int bh) {
  const int H = static_cast<int>(a.H);
  return static_cast<const T*>(x.data) + bh / H * x.batch + bh % H * x.head;
}
template <class T>
__device__ __forceinline__ T* query_head(const AttentionSizes& a, const HeadsOut& x, int bh) {
  const int H = static_cast<int>(a.H);
  return static_cast<T*>(x.data) + bh / H * x.batch + bh % H * x.head;
}

/// Row 0 of head `kv` of the B * Hkv heads of keys and values; that of query head bh is bh / (H / Hkv).
template <class T>
__device__ __forceinline__ const T* key_head(const AttentionSizes& a, const Heads& x, int kv) {
  const int H = static_cast<int>(a.Hkv);
  return static_cast<const T*>(x.data) + kv / H * x.batch + kv % H * x.head;
}
template <class T>
__device__ __forceinline__ T* key_head(const AttentionSizes& a, const HeadsOut& x, int kv) {
  const int H = static_cast<int>(a.Hkv);
  return static_cast<T*>(x.data) + kv / H * x.batch + kv % H * x.head;
}
__device__ __forceinline__ int heads_per_key(const AttentionSizes& a) {
  return static_cast<int>(a.H / a.Hkv);
}

/// Query i sees [first_key, end_key).
__host__ __device__ constexpr int end_key(const AttentionSizes& a, int i) {
  return static_cast<int>(a.Tk - a.Tq) + i + 1;
}
__host__ __device__ constexpr int first_key(const AttentionSizes& a, int i) {
  const int end = end_key(a, i);
  return a.window < end ? end - static_cast<int>(a.window) : 0;
}

/// Key j is seen by the queries [first_query, end_query).
__host__ __device__ constexpr int first_query(const AttentionSizes& a, int j) {
  const int i = j - static_cast<int>(a.Tk - a.Tq);
  return i > 0 ? i : 0;
}
__host__ __device__ constexpr int end_query(const AttentionSizes& a, int j) {
  const int64_t end = j - (a.Tk - a.Tq) + a.window;
  return static_cast<int>(end < 0 ? 0 : end < a.Tq ? end : a.Tq);
}
__host__ __device__ constexpr bool sees(const AttentionSizes& a, int i, int j) {
  return i < a.Tq && j < end_key(a, i) && j >= first_key(a, i);
}

/// Whether queries i0 to i1 all see keys j0 to j1, and whether any of them sees any.
__host__ __device__ constexpr bool all_see(const AttentionSizes& a, int i0, int i1, int j0, int j1) {
  return i1 < a.Tq && j1 < end_key(a, i0) && j0 >= first_key(a, i1);
}
__host__ __device__ constexpr bool some_see(const AttentionSizes& a, int i0, int i1, int j0, int j1) {
  return i0 < a.Tq && j0 < end_key(a, i1) && j1 >= first_key(a, i0);
}

/// The rows that a block owns: from `first` on, of this query head, or head of keys and values.
struct OwnRows {
  int head, first;
};

/// Blocks own `rows` queries each. The last queries see most keys: their blocks, of all heads, are begun
/// first.
__host__ __device__ constexpr OwnRows queries_of_block(const AttentionSizes& a, int rows, int block) {
  const int heads = static_cast<int>(a.B * a.H), tiles = ceil_div(static_cast<int>(a.Tq), rows);
  return {block % heads, (tiles - 1 - block / heads) * rows};
}
/// Blocks own `rows` keys each. The first keys are seen by most queries: their blocks are begun first.
__host__ __device__ constexpr OwnRows keys_of_block(const AttentionSizes& a, int rows, int block) {
  const int heads = static_cast<int>(a.B * a.Hkv);
  return {block % heads, block / heads * rows};
}

/// What a block goes over, `step` at a time from `first`, a multiple of it, while that is before `end`.
struct Visits {
  int first, end;
};

/// The keys that some of the queries i0 to i0 + rows - 1 see.
__host__ __device__ constexpr Visits keys_for(const AttentionSizes& a, int i0, int rows, int step) {
  const int last = static_cast<int>(i0 + rows < a.Tq ? i0 + rows : a.Tq) - 1;
  return {first_key(a, i0) / step * step, end_key(a, last)};
}
/// The queries that see some of the keys j0 to j0 + rows - 1.
__host__ __device__ constexpr Visits queries_for(const AttentionSizes& a, int j0, int rows, int step) {
  const int last = static_cast<int>(j0 + rows < a.Tk ? j0 + rows : a.Tk) - 1;
  return {first_query(a, j0) / step * step, end_query(a, last)};
}

/// The mask of dropout, ready to be asked.
struct DropoutMask {
  uint32_t threshold;
  float factor;  ///< of what survives; 1 without dropout
};
inline DropoutMask mask_of(const AttentionSizes& a) {
  return {a.dropout > 0 ? dropout_threshold(a.dropout) : 0, static_cast<float>(1 / (1 - a.dropout))};
}

/// What dropout multiplies probability (i, j) of query head bh by.
template <class T>
__device__ __forceinline__ T kept(const AttentionSizes& a, const DropoutMask& mask, int bh, int i, int j) {
  if (a.dropout <= 0) return 1;
  const int64_t at = (bh * a.Tq + i) * a.Tk + j;
  const PhiloxWords words = dropout_words(*a.state, a.site, at / 64, static_cast<int>(at % 16));
  const int which = static_cast<int>(at % 64 / 16);
  const uint32_t word = which == 0   ? words.at[0]
                        : which == 1 ? words.at[1]
                        : which == 2 ? words.at[2]
                                     : words.at[3];
  if (word < mask.threshold) return 0;
  if constexpr (sizeof(T) == 8)
    return 1 / (1 - a.dropout);
  else
    return mask.factor;
}

inline constexpr int delta_threads = 256;

/// delta[bh Tq + i] = dy_i . y_i, a warp each, from elements E in T.
template <class E, class T>
__global__ void __launch_bounds__(delta_threads, 4) attention_delta(AttentionBackward a, T* delta) {
  const int64_t row = (int64_t{blockIdx.x} * delta_threads + threadIdx.x) / 32;
  if (row >= a.B * a.H * a.Tq) return;
  const int lane = static_cast<int>(threadIdx.x) % 32, bh = static_cast<int>(row / a.Tq);
  const E* y = query_head<E>(a, a.y, bh) + row % a.Tq * a.y.row;
  const E* dy = query_head<E>(a, a.dy, bh) + row % a.Tq * a.dy.row;
  T sum = 0;
  for (int d = lane; d < a.D; d += 32) sum = std::fma(load_as<T>(dy + d), load_as<T>(y + d), sum);
  sum = warp_sum(sum);
  if (lane == 0) delta[row] = sum;
}

template <class E, class T>
void launch_delta(const Launch& on, const AttentionBackward& a) {
  launch(on, "attention_delta", {blocks_for(a.B * a.H * a.Tq, delta_threads / 32), delta_threads},
         attention_delta<E, T>, a, static_cast<T*>(on.scratch));
}

}  // namespace
}  // namespace hewn
