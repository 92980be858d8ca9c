#pragma once
// Copies of B in the order in which tiles read it: panels of tile_cols columns, row after row within a panel,
// padded with zeros to whole vectors. Compiled per instruction set; included only by simd*.cpp.

#include <utility>

#include "kernels/matmul/cpu/tile.h"
#include "kernels/simd/vec_bf16.h"
#include "kernels/simd/vec_transpose.h"

namespace hewn {
namespace {

/// Lanes per 128 bits: shuffles within 128 bits are the cheapest.
template <class T>
constexpr int near_lanes = 16 / static_cast<int>(sizeof(T));

/// One vector whose halves are at `low` and `high`: the upper half is inserted during the load.
template <class T, int... i>
HEWN_INLINE Vector<T> load_halves(const void* low, const void* high, std::integer_sequence<int, i...>) {
  typedef T Half __attribute__((vector_size(HEWN_VBYTES / 2)));
  Half a, b;
  __builtin_memcpy(&a, low, sizeof a);
  __builtin_memcpy(&b, high, sizeof b);
#if HEWN_VBYTES == 64  // gcc 12 would use a shuffle
  const auto wide = reinterpret_cast<__m512d>(__builtin_shufflevector(a, Half{}, i...));
  return reinterpret_cast<Vector<T>>(_mm512_maskz_insertf64x4(0xff, wide, reinterpret_cast<__m256d>(b), 1));
#else
  return __builtin_shufflevector(a, b, i...);
#endif
}

/// to[c] = column c of the w x w square at `from`. First, rows c, c + n, c + 2n ... (n lanes are 128 bits)
/// are placed side by side, as far as possible during the loads. Then squares of n are transposed.
template <class T>
HEWN_INLINE void load_transposed(const T* from, int64_t ld, Vector<T> (&to)[lanes<T>]) {
  constexpr int w = lanes<T>, n = near_lanes<T>, h = w > n ? w / 2 : w;
  constexpr std::make_integer_sequence<int, w> all{};
  asm("" : "+r"(ld));  // keeps gcc from holding w addresses between calls, in too few registers
#pragma GCC unroll 16
  for (int i = 0; i < w; ++i) {
    const T* row = from + i % h * ld + i / h * h;
    if constexpr (h < w)
      to[i] = load_halves<T>(row, row + h * ld, all);
    else
      to[i] = load(row);
  }
  if constexpr (h > n) {
    Vector<T> zipped[w];
#pragma GCC unroll 8
    for (int i = 0; i < h; ++i) {
      const int at = i / n * h + i % n;
      zipped[at] = zip<n, 2 * n, false>(to[at], to[at + n], all);
      zipped[at + n] = zip<n, 2 * n, true>(to[at], to[at + n], all);
    }
#pragma GCC unroll 16
    for (int i = 0; i < w; ++i) to[i] = zipped[i];
  }
  transpose<n>(to);
}

/// The same for `rows` rows of n elements each, both at most the lanes of a vector; zeros beyond.
template <class T>
HEWN_INLINE void load_transposed(const T* from, int64_t ld, int64_t rows, int64_t n,
                                 Vector<T> (&to)[lanes<T>]) {
  constexpr int w = lanes<T>;
  if (rows == w && n == w) return load_transposed<T>(from, ld, to);
  T square[w * w] = {};
  for (int i = 0; i < rows; ++i) store(square + i * w, load_part(from + i * ld, n));
  load_transposed<T>(square, w, to);
}

/// How many rows ahead of the copy memory is prefetched: pieces of rows are too short for the hardware
/// prefetcher to predict the next one.
constexpr int64_t rows_ahead = 32;
/// The same for reading whole rows: the hardware prefetcher predicts those, but only up to the end of a page.
constexpr int64_t strips_ahead = 4;

/// [k, cols] with rows ldb apart -> [k, width]; width is cols rounded up to whole vectors.
template <class T, class S>
void pack_rows(int64_t k, int64_t cols, const S* b, int64_t ldb, T* panel, int64_t width) {
  constexpr int w = lanes<T>;
  for (; k > 0; --k, b += ldb, panel += width) {
    for (int64_t j = 0; j < cols; j += 64 / sizeof(S)) __builtin_prefetch(b + rows_ahead * ldb + j, 0, 2);
    int64_t j = 0;
    for (; j + w <= cols; j += w) store(panel + j, load(b + j));
    if (j < cols) store(panel + j, load_part(b + j, cols - j));
  }
}

/// [k, rows] with rows lda apart -> strips of tile_rows columns, `stride` apart, each
/// [k, tile_rows]. Reads whole rows.
template <class T>
void pack_strips(int64_t k, int64_t rows, const T* a, int64_t lda, T* to, int64_t stride) {
  for (; k > 0; --k, a += lda, to += tile_rows) {
    for (int64_t i = 0; i < rows; i += 64 / sizeof(T)) __builtin_prefetch(a + strips_ahead * lda + i, 0, 2);
    int64_t r = 0;
    T* at = to;
    for (; r + tile_rows <= rows; r += tile_rows, at += stride)
      __builtin_memcpy(at, a + r, tile_rows * sizeof(T));
    for (int64_t i = 0; r + i < rows; ++i) at[i] = a[r + i];
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
      load_transposed<T>(b + j * ldb + p, ldb, present, n, rows);
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
