#pragma once
// Copies of A and B as pairs along K, in the order in which the tiles of tile_bf16.h read them; an odd last
// term is paired with zero. Included only by simd*bf16.cpp and simd*amx.cpp.

#include "kernels/matmul/cpu/pairs.h"

namespace hewn {
namespace {

/// The position of element `at` and pair number `p` of `pairs` in panels of `width` columns or rows.
template <int64_t width>
HEWN_INLINE BFloat16* place(BFloat16* to, int64_t pairs, int64_t p, int64_t at) {
  return to + 2 * (at / width * width * pairs + p * width + at % width);
}

/// Stores the first n of W adjacent elements of one pair; they may belong to several panels.
template <int64_t width>
HEWN_INLINE void store_pairs(BFloat16* to, int64_t pairs, int64_t p, int64_t at, vi bits, int64_t n) {
  constexpr int64_t part = width < W ? width : W;
#pragma GCC unroll 2
  for (int64_t s = 0; s < W; s += part)
    if (s < n)
      __builtin_memcpy(&place<width>(to, pairs, p, at + s)->bits,
                       reinterpret_cast<const char*>(&bits) + 4 * s, 4 * part);
}

/// [count, k], rows ld apart: the terms of a pair are adjacent.
template <int64_t width>
void pack_dot_columns(int64_t k, int64_t count, const BFloat16* from, int64_t ld, BFloat16* to) {
  const int64_t pairs = (k + 1) / 2;
  for (int64_t j = 0; j < count; j += W) {
    const int64_t present = count - j < W ? count - j : W;
    for (int64_t p = 0; p < k; p += 2 * W) {
      const int64_t n = k - p < 2 * W ? k - p : 2 * W;
      vi rows[W];
      load_transposed_pairs(from + j * ld + p, ld, present, n, rows);
      if (n == 2 * W) {
#pragma GCC unroll 16
        for (int i = 0; i < W; ++i) store_pairs<width>(to, pairs, p / 2 + i, j, rows[i], present);
      } else {
        for (int i = 0; i < (n + 1) / 2; ++i) store_pairs<width>(to, pairs, p / 2 + i, j, rows[i], present);
      }
    }
  }
}

/// How many rows ahead of the copy memory is prefetched, see pack.h.
constexpr int64_t paired_rows_ahead = 32;

/// [k, count], rows ld apart.
template <int64_t width>
void pack_dot_rows(int64_t k, int64_t count, const BFloat16* from, int64_t ld, BFloat16* to) {
  const int64_t pairs = (k + 1) / 2;
  for (int64_t p = 0; p < pairs; ++p, from += 2 * ld) {
    const BFloat16* below = 2 * p + 1 < k ? from + ld : nullptr;
    for (int64_t j = 0; j < count; j += 2 * W) {
      __builtin_prefetch(from + paired_rows_ahead * ld + j, 0, 2);
      __builtin_prefetch(from + (paired_rows_ahead + 1) * ld + j, 0, 2);
    }
    for (int64_t j = 0; j < count; j += W) {
      const int64_t n = count - j;
      const vf first = n >= W ? load(from + j) : load_part(from + j, n);
      vf second{};
      if (below) second = n >= W ? load(below + j) : load_part(below + j, n);
      store_pairs<width>(to, pairs, p, j, paired(first, second), n);
    }
  }
}

/// Panels of `width` columns of B, or rows of A, each [pairs, width, 2], for `count` columns or rows; the
/// last panel is not set beyond `count`. `along_k`: the terms of one column of B (or row of A) are adjacent.
template <int64_t width>
void pack_dots(bool along_k, int64_t k, int64_t count, const BFloat16* from, int64_t ld, BFloat16* to) {
  along_k ? pack_dot_columns<width>(k, count, from, ld, to) : pack_dot_rows<width>(k, count, from, ld, to);
}

}  // namespace
}  // namespace hewn
