#pragma once
// The squares of a transposed matrix that a few rows are multiplied by. They are transposed in registers, so that lanes
// are columns of C and every sum has the order of the tiles. The matrix is read once, in memory order, in as many
// streams as a vector has lanes. Compiled per instruction set; included only by simd*.cpp.

#include "kernels/matmul/cpu/pack.h"
#include "kernels/matmul/cpu/pairs.h"

namespace hewn {
namespace {

/// Prefetches rows of k elements, `ld` apart, by as many bytes as `rows` vectors have at a time. Long vectors do so in
/// memory order, as a single stream: on a Genoa, products with a matrix in a cache took 4 to 18% less time than with as
/// many streams as there are rows, and the head of GPT-2, from memory, 4%. With short vectors that gained nothing.
template <class S, int rows>
struct Ahead {
  const S* row;
  int64_t ld, k, at = 0;

  HEWN_INLINE void fetch(int64_t p) {
    constexpr int64_t line = 64 / static_cast<int64_t>(sizeof(S));
    constexpr bool in_order = HEWN_VBYTES == 64;
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i)
      __builtin_prefetch(in_order ? row + at + i * line : row + i * ld + p, 0, 2);
    at += rows * line;
    if (in_order && at >= k) at -= k, row += ld;
  }
};

/// How many rows ahead of those in use it begins: in memory order, twice as many as there are, since the last of as many
/// would be in use as soon as they are fetched.
template <int rows>
constexpr int rows_ahead_of = HEWN_VBYTES == 64 ? rows * 2 : rows;

/// Calls use(p, x) for p = 0 .. k - 1 in order, where lane i of x is element p of row i; the rows, ld apart, are as many
/// as a vector has lanes, of which those from `present` on count as zeros. Prefetches the rows that follow.
template <class T, class Use>
HEWN_INLINE void for_columns(const T* rows, int64_t ld, int64_t present, int64_t k, const Use& use) {
  constexpr int w = lanes<T>;
  Vector<T> x[w];
  Ahead<T, w> ahead{rows + rows_ahead_of<w> * ld, ld, k};
  int64_t p = 0;
  for (; p + w <= k; p += w) {
    ahead.fetch(p);
    load_transposed<T>(rows + p, ld, present, w, x);
#pragma GCC unroll 16
    for (int i = 0; i < w; ++i) use(p + i, x[i]);
  }
  if (p == k) return;
  load_transposed<T>(rows + p, ld, present, k - p, x);
  for (int i = 0; i < k - p; ++i) use(p + i, x[i]);
}

/// The same for bf16 in pairs: calls use(p, x) for p = 0 .. (k + 1) / 2 - 1, where lane i of x is pair p of row i; an odd
/// last term is paired with zero.
template <class Use>
HEWN_INLINE void for_pairs(const BFloat16* rows, int64_t ld, int64_t present, int64_t k, const Use& use) {
  vi pairs[W];
  Ahead<BFloat16, W> ahead{rows + rows_ahead_of<W> * ld, ld, k};
  int64_t p = 0;
  for (; p + 2 * W <= k; p += 2 * W) {
    ahead.fetch(p);
    load_transposed_pairs(rows + p, ld, present, 2 * W, pairs);
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) use(p / 2 + i, pairs[i]);
  }
  if (p == k) return;
  load_transposed_pairs(rows + p, ld, present, k - p, pairs);
  for (int i = 0; i < (k - p + 1) / 2; ++i) use(p / 2 + i, pairs[i]);
}

/// The same one by one, widened.
template <class T, class Use>
HEWN_INLINE void for_columns(const BFloat16* rows, int64_t ld, int64_t present, int64_t k, const Use& use) {
  constexpr auto upper_half = static_cast<int32_t>(0xffff0000);
  for_pairs(
      rows, ld, present, k, [&](int64_t p, vi pair) __attribute__((always_inline)) {
        use(2 * p, as_float(pair << 16));
        if (2 * p + 1 < k) use(2 * p + 1, as_float(pair & upper_half));
      });
}

}  // namespace
}  // namespace hewn
