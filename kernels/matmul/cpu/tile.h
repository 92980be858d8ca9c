#pragma once
// The register tile: a few rows times a few vectors of C, held in registers throughout the loop over k.
// Each step of k loads `vectors` vectors of B and one number per row of A, and does rows * vectors
// multiply-adds: enough to hide the loads and the latency of the additions. Compiled per instruction set;
// included only by simd*.cpp.

#include "kernels/simd/vec.h"

namespace hewn {
namespace {

/// The vector type of T.
template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  using Type = vf;
};
template <>
struct VectorOf<double> {
  using Type = vd;
};
template <class T>
using Vector = typename VectorOf<T>::Type;
template <class T>
constexpr int lanes = HEWN_VBYTES / static_cast<int>(sizeof(T));

/// As many sums as fit in the registers along with one row of B and one number of A: 8 x 3 of 32, 6 x 2 of 16
/// (4 x 3 would read half as much again of B, which comes from the second-level cache), and 4 x 2 where
/// multiply and add are two instructions.
constexpr int tile_rows = n_registers == 32 ? 8 : HEWN_VBYTES == 32 ? 6 : 4;
constexpr int tile_vectors = n_registers == 32 ? 3 : 2;
template <class T>
constexpr int tile_cols = tile_vectors* lanes<T>;

/// c (set or add) alpha a b for one tile of `cols` columns.
template <class T>
struct Tile {
  int64_t k;
  const T* a;  ///< [rows, k], rows lda apart; k-major: [k, rows]
  int64_t lda;
  const T* b;  ///< [k, vectors], rows ldb apart; whole vectors are readable
  int64_t ldb;
  T* c;
  int64_t ldc, cols;
  T alpha;
  bool add;
  /// The next tile's C (null: unknown), rows ldc apart too; prefetched while this tile is computed.
  T* next_c;
  /// The epilogue's operands at this tile's place, rows ldc apart, to read and to write; prefetched
  /// meanwhile. Null: none.
  const T *read_later, *written_later;
  /// Memory to prefetch meanwhile, one line per step of k, `ahead_step` bytes apart and `ahead_gap` more
  /// after each of `rows` equal parts of the steps. Null: none.
  const void* ahead;
  int64_t ahead_step, ahead_gap;
};

template <class T, int rows, int vectors, bool k_major, bool fetches>
__attribute__((noinline)) void tile(const Tile<T>& t) {
  using V = Vector<T>;
  constexpr int w = lanes<T>;
  V sum[rows][vectors] = {};
  const T *a = t.a, *b = t.b;
  const char* ahead = static_cast<const char*>(t.ahead);
  const int64_t lda = t.lda, ldb = t.ldb, ahead_step = t.ahead_step;
  // Prefetch C one row at a time: all rows together would occupy every line-fill buffer, and loads of B from
  // the second-level cache would have to wait for memory.
  const T *c_line = t.next_c ? t.next_c : t.c, *read_line = t.read_later, *written_line = t.written_later;
  for (int64_t k = 0, r = 1; r <= rows; ++r, c_line += t.ldc, ahead += t.ahead_gap) {
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) __builtin_prefetch(c_line + v * w, 1);
    if (t.read_later) {
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) __builtin_prefetch(read_line + v * w);
      read_line += t.ldc;
    }
    if (t.written_later) {
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) __builtin_prefetch(written_line + v * w, 1);
      written_line += t.ldc;
    }
    for (const int64_t until = t.k * r / rows; k < until; ++k) {
      if constexpr (fetches) __builtin_prefetch(ahead, 0, 2), ahead += ahead_step;
      V row[vectors];
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) row[v] = load(b + v * w);
#pragma GCC unroll 8
      for (int i = 0; i < rows; ++i) {
        const V x = set1(a[k_major ? i : i * lda]);
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) sum[i][v] = fma(x, row[v], sum[i][v]);
      }
      a += k_major ? lda : 1;
      b += ldb;
    }
  }
  if (t.alpha != 1) {
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) sum[i][v] *= set1(t.alpha);
  }
  const bool whole = t.cols == vectors * w;
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i) {
    T* c = t.c + i * t.ldc;
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      const V x = sum[i][v];
      if (whole || v < vectors - 1) {
        store(c + v * w, t.add ? load(c + v * w) + x : x);
      } else {
        const int64_t n = t.cols - v * w;
        store_part(c + v * w, t.add ? load_part(c + v * w, n) + x : x, n);
      }
    }
  }
}

template <class T, int rows, bool k_major>
void tile_of_rows(const Tile<T>& t) {
  if constexpr (rows == tile_rows)
    if (t.ahead && t.cols == tile_cols<T>) return tile<T, rows, tile_vectors, k_major, true>(t);
  if constexpr (tile_vectors > 2)
    if (t.cols > 2 * lanes<T>) return tile<T, rows, 3, k_major, false>(t);
  t.cols > lanes<T> ? tile<T, rows, 2, k_major, false>(t) : tile<T, rows, 1, k_major, false>(t);
}

/// Any number of rows up to tile_rows, as tiles of tile_rows, 4, 2 and 1 rows. A whole tile is passed by
/// reference: a copy would have to wait until the fields just written have reached the cache, after all
/// earlier stores of results.
template <class T, bool k_major>
void tile_column(const Tile<T>& tile, int64_t rows) {
  if (rows == tile_rows) return tile_of_rows<T, tile_rows, k_major>(tile);
  Tile<T> t = tile;
  t.read_later = t.written_later = nullptr;  // few rows remain
  const auto advance = [&](int n) {
    t.a += n * (k_major ? 1 : t.lda);
    t.c += n * t.ldc;
    rows -= n;
  };
  if (rows >= 4) tile_of_rows<T, 4, k_major>(t), advance(4);
  if (rows >= 2) tile_of_rows<T, 2, k_major>(t), advance(2);
  if (rows >= 1) tile_of_rows<T, 1, k_major>(t);
}

}  // namespace
}  // namespace hewn
