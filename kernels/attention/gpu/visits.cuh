#pragma once
// Which queries attend to which keys, and which blocks of a GPU visit them. The functions are constexpr, so
// that tests can verify on the host that everything is visited exactly once.

#include "kernels/attention/abi.h"
#include "kernels/gpu/simt/simt.h"

namespace hewn {
namespace {

/// Query heads per head of keys and values.
__host__ __device__ constexpr int heads_per_key(const AttentionSizes& a) {
  return static_cast<int>(a.H / a.Hkv);
}

/// Query i attends to keys [first_key, end_key).
__host__ __device__ constexpr int end_key(const AttentionSizes& a, int i) {
  return static_cast<int>(a.Tk - a.Tq) + i + 1;
}
__host__ __device__ constexpr int first_key(const AttentionSizes& a, int i) {
  const int end = end_key(a, i);
  return a.window < end ? end - static_cast<int>(a.window) : 0;
}

/// Key j is attended to by queries [first_query, end_query).
__host__ __device__ constexpr int first_query(const AttentionSizes& a, int j) {
  const int i = j - static_cast<int>(a.Tk - a.Tq);
  return i > 0 ? i : 0;
}
__host__ __device__ constexpr int end_query(const AttentionSizes& a, int j) {
  const int64_t end = j - (a.Tk - a.Tq) + a.window;
  return static_cast<int>(end < 0 ? 0 : end < a.Tq ? end : a.Tq);
}

/// Whether any of the queries i0 to i1 attends to any of the keys j0 to j1.
__host__ __device__ constexpr bool some_see(const AttentionSizes& a, int i0, int i1, int j0, int j1) {
  return i0 < a.Tq && j0 < end_key(a, i1) && j1 >= first_key(a, i0);
}

/// The rows that a block owns: from `first` on, of this query head or head of keys and values. Do not unpack
/// it with structured bindings: clang 14 cannot capture them in lambdas.
struct OwnRows {
  int head, first;
};

/// Blocks own `rows` queries each. The last queries attend to the most keys, so their blocks, of all
/// heads, start first.
__host__ __device__ constexpr OwnRows queries_of_block(const AttentionSizes& a, int rows, int block) {
  const int heads = static_cast<int>(a.B * a.H), tiles = ceil_div(static_cast<int>(a.Tq), rows);
  return {block % heads, (tiles - 1 - block / heads) * rows};
}
/// Blocks own `rows` keys each. The first keys are read by the most queries, so their blocks start first.
__host__ __device__ constexpr OwnRows keys_of_block(const AttentionSizes& a, int rows, int block) {
  const int heads = static_cast<int>(a.B * a.Hkv);
  return {block % heads, block / heads * rows};
}

/// The rows that a block loops over, `step` at a time: from `first`, a multiple of `step`, while below `end`.
/// From `whole_first` to `whole_end`, also multiples of `step`, each of the block's own rows is paired with
/// each row visited, so that no pair needs a check; if there are no such rows, both are `end`.
struct Visits {
  int first, end, whole_first, whole_end;
};
/// Visits from `first` on; each of the block's rows is paired with rows seen_first to seen_end - 1.
__host__ __device__ constexpr Visits visits_of(int first, int end, int seen_first, int seen_end, int step) {
  const int whole_first = ceil_div(seen_first, step) * step, whole_end = seen_end / step * step;
  return whole_first < whole_end ? Visits{first / step * step, end, whole_first, whole_end}
                                 : Visits{first / step * step, end, end, end};
}

/// The keys that at least one of the queries i0 to i0 + rows - 1 attends to.
__host__ __device__ constexpr Visits keys_for(const AttentionSizes& a, int i0, int rows, int step) {
  const int last = static_cast<int>(i0 + rows < a.Tq ? i0 + rows : a.Tq) - 1;
  return visits_of(first_key(a, i0), end_key(a, last), first_key(a, last), end_key(a, i0), step);
}
/// The queries that attend to at least one of the keys j0 to j0 + rows - 1.
__host__ __device__ constexpr Visits queries_for(const AttentionSizes& a, int j0, int rows, int step) {
  const int last = static_cast<int>(j0 + rows < a.Tk ? j0 + rows : a.Tk) - 1;
  return visits_of(first_query(a, j0), end_query(a, last), first_query(a, last), end_query(a, j0), step);
}

/// Calls f.operator()<whole>(at) for every step in ascending order, in one loop where `whole` is true, i.e.
/// every pair of rows exists, and in another where it is not.
template <class F>
__device__ __forceinline__ void for_visits(const Visits& visits, int step, const F& f) {
  int at = visits.first;
  for (int end = visits.whole_first;; end = visits.end) {
    for (; at < end; at += step) f.template operator()<false>(at);
    if (at >= visits.end) break;
    for (; at < visits.whole_end; at += step) f.template operator()<true>(at);
  }
}

/// Rows from `first` on and below `end`.
struct Span {
  int first, end;
  __host__ __device__ constexpr bool has(int at) const { return at >= first && at < end; }
};
/// The keys that query i attends to, and the queries that attend to key j, counted from j0 or i0.
__host__ __device__ constexpr Span keys_of(const AttentionSizes& a, int i, int j0) {
  return {first_key(a, i) - j0, end_key(a, i) - j0};
}
__host__ __device__ constexpr Span queries_of(const AttentionSizes& a, int j, int i0) {
  return {first_query(a, j) - i0, end_query(a, j) - i0};
}

}  // namespace
}  // namespace hewn
