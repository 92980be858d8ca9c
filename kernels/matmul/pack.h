#pragma once
// Copies of b in the order the tiles read it: panels of tile_cols columns, within a panel row after row,
// padded with zeros to whole vectors. Compiled per instruction set; includers are simd*.cpp.

#include <utility>

#include "kernels/matmul/tile.h"

namespace hewn {
namespace {

/// a0 b0 a1 b1 ... of the lower halves, or of the upper.
template <class V, int... i>
HEWN_INLINE V zip_low(V a, V b, std::integer_sequence<int, i...>) {
  constexpr int n = sizeof...(i);
  return __builtin_shufflevector(a, b, (i / 2 + i % 2 * n)...);
}
template <class V, int... i>
HEWN_INLINE V zip_high(V a, V b, std::integer_sequence<int, i...>) {
  constexpr int n = sizeof...(i);
  return __builtin_shufflevector(a, b, (n / 2 + i / 2 + i % 2 * n)...);
}

/// Turns rows into columns: each round interleaves row i with row i + w / 2, which rotates the bits of the
/// index (row, column) by one; after log2 w rounds row and column have changed places.
template <class T>
HEWN_INLINE void transpose(Vector<T> (&rows)[lanes<T>]) {
  constexpr int w = lanes<T>;
  constexpr std::make_integer_sequence<int, w> all{};
#pragma GCC unroll 4
  for (int round = 1; round < w; round *= 2) {
    Vector<T> zipped[w];
#pragma GCC unroll 8
    for (int i = 0; i < w / 2; ++i) {
      zipped[2 * i] = zip_low(rows[i], rows[i + w / 2], all);
      zipped[2 * i + 1] = zip_high(rows[i], rows[i + w / 2], all);
    }
#pragma GCC unroll 16
    for (int i = 0; i < w; ++i) rows[i] = zipped[i];
  }
}

/// [k, cols] with rows ldb apart -> [k, width]; width is cols in whole vectors.
template <class T>
void pack_rows(int64_t k, int64_t cols, const T* b, int64_t ldb, T* panel, int64_t width) {
  constexpr int w = lanes<T>;
  for (; k > 0; --k, b += ldb, panel += width) {
    int64_t j = 0;
    for (; j + w <= cols; j += w) store(panel + j, load(b + j));
    if (j < cols) store(panel + j, load_part(b + j, cols - j));
  }
}

/// `rows` rows of n elements each, both at most a vector's; zeros beyond.
template <class T>
HEWN_INLINE void load_square(const T* from, int64_t ld, int64_t rows, int64_t n, Vector<T> (&to)[lanes<T>]) {
  constexpr int w = lanes<T>;
  if (rows == w && n == w) {
#pragma GCC unroll 16
    for (int i = 0; i < w; ++i) to[i] = load(from + i * ld);
  } else {
    for (int i = 0; i < w; ++i) to[i] = i < rows ? load_part(from + i * ld, n) : Vector<T>{};
  }
}

/// [cols, k] with rows ldb apart -> [k, width].
template <class T>
void pack_columns(int64_t k, int64_t cols, const T* b, int64_t ldb, T* panel, int64_t width) {
  constexpr int w = lanes<T>;
  for (int64_t j = 0; j < cols; j += w) {
    const int64_t present = cols - j < w ? cols - j : w;
    for (int64_t p = 0; p < k; p += w) {
      const int64_t n = k - p < w ? k - p : w;
      T* to = panel + p * width + j;
      Vector<T> rows[w];
      load_square(b + j * ldb + p, ldb, present, n, rows);
      transpose<T>(rows);
      if (n == w) {
#pragma GCC unroll 16
        for (int i = 0; i < w; ++i) store(to + i * width, rows[i]);
      } else {
        for (int i = 0; i < n; ++i) store(to + i * width, rows[i]);
      }
    }
  }
}

}  // namespace
}  // namespace hewn
