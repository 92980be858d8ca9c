#pragma once
// A few rows times a matrix, as in token-by-token generation: every element of B is used only a few times, so
// the run time is dominated by reading B. B is read in memory order, and the sums are held in a near cache, or in
// registers if B is transposed. They are accumulated in the same order as in the tiles and have the same bits. Compiled
// per instruction set; included only by simd*.cpp.

#include "kernels/contract/parallel.h"
#include "kernels/matmul/cpu/blocks.h"
#include "kernels/matmul/cpu/pack_widened.h"
#include "kernels/matmul/cpu/transposed.h"

namespace hewn {
namespace {

/// Calls work(first, count) for groups of `most`, 4, 2 and 1 rows, with the count as a compile-time constant.
template <int most, class Work>
HEWN_INLINE void in_groups(int64_t rows, const Work& work) {
  int64_t r = 0;
  for (; r + most <= rows; r += most) work(r, std::integral_constant<int, most>{});
  if constexpr (most > 4)
    if (r + 4 <= rows) work(r, std::integral_constant<int, 4>{}), r += 4;
  if constexpr (most > 2)
    if (r + 2 <= rows) work(r, std::integral_constant<int, 2>{}), r += 2;
  if (r < rows) work(r, std::integral_constant<int, 1>{});
}

/// Up to this many columns after the last whole vector, vectors along the rows of A are cheaper.
template <class T>
constexpr int64_t most_odd = lanes<T> * 3 / 8;

/// The same with a transposed B, of which tiles would copy whole blocks: 8 rows times the head of GPT-2 took a quarter
/// less time in panels, on a Milan. Long vectors keep to the tiles, which prefetch the next block.
constexpr int64_t skinny_rows_transposed = HEWN_VBYTES == 64 ? skinny_rows : 16;
constexpr bool is_skinny(int64_t M, bool trans_b) {
  return M <= (trans_b ? skinny_rows_transposed : skinny_rows);
}

/// Steps of k in a panel of a transposed B, which stays in the first-level cache with the rows of A beside it.
constexpr int64_t panel_steps = 128;
/// Rows of A that share it: as many sums as hide the latency of adding.
constexpr int panel_rows = 4;

/// Partial sums of some rows over the rows of B processed so far: sum[r, j] = sum over k of a[r, k] b[k, j].
template <class T>
struct Sums {
  int64_t rows, k;
  const T* a;  ///< groups of rows, one after the other, each [k, rows of the group]
  T* sum;      ///< [rows, ld], ld in whole vectors
  int64_t ld;
};

/// The sums of one group of rows from column j on, and the group's elements of A from row p of B on.
template <class T>
struct Group {
  const T* a;
  T* sum;
  int64_t ld;
  Group(const Sums<T>& s, int64_t first, int count, int64_t p, int64_t j)
      : a(s.a + first * s.k + p * count), sum(s.sum + first * s.ld + j), ld(s.ld) {}
};

/// Copies `rows` rows of A, element (r, k) at r * row + k * step, to the layout of Sums, in groups of `most`; the rows
/// after them are zeros.
template <int most, class T, class S>
void pack_groups(const Sums<T>& s, int64_t rows, const S* a, int64_t row, int64_t step, T* to) {
  in_groups<most>(s.rows, [&](int64_t first, auto count) {
    for (int64_t k = 0; k < s.k; ++k)
      for (int64_t r = first; r < first + count; ++r)
        *to++ = r < rows ? static_cast<T>(a[r * row + k * step]) : T(0);
  });
}

/// How many rows of B are processed together: the sums are loaded and stored once for each such group, and
/// the prefetchers must follow this many streams. With twice as many, the head of GPT-2 took a quarter longer
/// for 1 to 4 rows, on a Genoa.
constexpr int steps_at_once = 8;
/// With one or two rows of A, each row of B is read in pieces of a pair of lines, which hardware prefetchers
/// fetch together. Pieces of 384 bytes took up to a fifth longer on two threads of a Genoa. For one row, all pieces are
/// one loop: calls between them took a quarter of the time on a Milan.
constexpr int pair_of_lines = 128;
/// With long vectors, one row of A reads one row of B at a time if B is contiguous and so large that it comes from
/// memory, and the sums fit in half a first-level cache: the hardware prefetchers of a Genoa are fastest on a single
/// stream. On a Milan, which has short vectors, eight rows of B at a time are faster: about 19 instead of 14 GB/s on one
/// thread.
constexpr int64_t stream_bytes = 2 << 20, stream_sums = 16 << 10;

/// Adds `steps` rows of B, n columns in `vectors` vectors; the last vector may be partial.
template <class T, class S, int rows, int vectors, int steps>
__attribute__((noinline)) void add_steps(const Group<T>& s, const S* b, int64_t ldb, int64_t n) {
  constexpr int w = lanes<T>;
  Vector<T> sum[rows][vectors];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) sum[r][v] = load(s.sum + r * s.ld + v * w);
#pragma GCC unroll 4
  for (int i = 0; i < steps; ++i) {
    Vector<T> x[vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v)
      x[v] = vectors == 1 ? load_part(b + i * ldb, n) : load(b + i * ldb + v * w);
    if constexpr (vectors > 1 && rows > 2) {  // with fewer rows, the loop ends before a prefetch could help
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) __builtin_prefetch(b + i * ldb + (2 * vectors + v) * w);
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) sum[r][v] = fma(set1(s.a[i * rows + r]), x[v], sum[r][v]);
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) store(s.sum + r * s.ld + v * w, sum[r][v]);
}

/// Adds the products with all rows of B [k, cols] to the sums; A in groups of `most`.
template <class T, class S, int most>
__attribute__((noinline)) void add_rows(const Sums<T>& s, int64_t cols, const S* b, int64_t ldb) {
  constexpr int w = lanes<T>, most_vectors = 2 * tile_vectors, at_once = steps_at_once;
  constexpr int pair = pair_of_lines / (w * static_cast<int>(sizeof(S)));
  constexpr int vectors = most > 2 ? tile_vectors : pair < most_vectors ? pair : most_vectors;
  constexpr int wide = vectors * w;
  for (int64_t p = 0; p < s.k;) {
    const bool many = p + at_once <= s.k;
    const S* from = b + p * ldb;
    for (int64_t j = 0; j < cols;) {
      const bool whole = j + wide <= cols;
      const int64_t n = cols - j < w ? cols - j : w;
      in_groups<most>(
          s.rows, [&](int64_t r, auto count) __attribute__((always_inline)) {
            const Group<T> here(s, r, count, p, j);
            if (many && whole)
              add_steps<T, S, count, vectors, at_once>(here, from + j, ldb, n);
            else if (many)
              add_steps<T, S, count, 1, at_once>(here, from + j, ldb, n);
            else
              add_steps<T, S, count, 1, 1>(here, from + j, ldb, n);
          });
      j += many && whole ? wide : w;
    }
    p += many ? at_once : 1;
  }
}

/// The same for one row of A and `steps` rows of B. A single row of B is read in longer pieces.
template <class T, class S, int steps>
HEWN_INLINE void add_steps_to_row(const T* a, T* sums, int64_t cols, const S* b, int64_t ldb) {
  constexpr int w = lanes<T>, pair = pair_of_lines / (w * static_cast<int>(sizeof(S)));
  constexpr int vectors = steps == 1 ? 2 * tile_vectors : pair < 4 ? pair : 4;
  Vector<T> x[steps];
#pragma GCC unroll 8
  for (int i = 0; i < steps; ++i) x[i] = set1(a[i]);
  int64_t j = 0;
  for (; j + vectors * w <= cols; j += vectors * w) {
    Vector<T> sum[vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      sum[v] = load(sums + j + v * w);
#pragma GCC unroll 8
      for (int i = 0; i < steps; ++i) sum[v] = fma(x[i], load(b + i * ldb + j + v * w), sum[v]);
    }
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) store(sums + j + v * w, sum[v]);
  }
  for (; j < cols; j += w) {
    Vector<T> sum = load(sums + j);
#pragma GCC unroll 8
    for (int i = 0; i < steps; ++i)
      sum = fma(x[i], load_part(b + i * ldb + j, cols - j < w ? cols - j : w), sum);
    store(sums + j, sum);
  }
}

/// The same for one row of A, `at_once` rows of B at a time.
template <class T, class S, int at_once>
__attribute__((noinline)) void add_row(const Sums<T>& s, int64_t cols, const S* b, int64_t ldb) {
  int64_t p = 0;
  for (; p + at_once <= s.k; p += at_once)
    add_steps_to_row<T, S, at_once>(s.a + p, s.sum, cols, b + p * ldb, ldb);
  for (; p < s.k; ++p) add_steps_to_row<T, S, 1>(s.a + p, s.sum, cols, b + p * ldb, ldb);
}

/// Sets the sums of one group of rows in the columns from j on, as many as a vector has lanes, `present` of which exist:
/// the products with all of B, transposed.
template <class T, class S, int rows>
__attribute__((noinline)) void sum_columns(const Group<T>& s, int64_t k, int64_t present, const S* b,
                                           int64_t ldb) {
  Vector<T> sum[rows]{};
  for_columns<T>(
      b, ldb, present, k, [&](int64_t p, Vector<T> x) __attribute__((always_inline)) {
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) sum[r] = fma(set1(s.a[p * rows + r]), x, sum[r]);
      });
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) store(s.sum + r * s.ld, sum[r]);
}

/// A transposed panel of B, [steps, vectors], and the rows of B, ldb apart, of which the next one is made. Their lines are
/// prefetched one after the other while this one is used: all at once, they would have to wait for each other.
template <class T, class S>
struct Panel {
  static constexpr int lines = tile_cols<T> * static_cast<int>(sizeof(S)) / 64;  ///< to prefetch at each step
  const T* at;
  int64_t steps;
  const S* next;  ///< null: nothing to prefetch
  int64_t ldb;

  HEWN_INLINE void fetch(int64_t step) const {
#pragma GCC unroll 4
    for (int64_t i = step * lines; i < (step + 1) * lines; ++i)
      __builtin_prefetch(
          next + i % tile_cols<T> * ldb + i / tile_cols<T> * (64 / static_cast<int64_t>(sizeof(S))), 0, 2);
  }
};

/// Adds the products of a group of rows with a panel to their sums.
template <class T, class S, bool fetches>
__attribute__((noinline)) void add_panel(const Group<T>& s, const Panel<T, S>& panel) {
  constexpr int w = lanes<T>, rows = panel_rows, vectors = tile_vectors;
  Vector<T> sum[rows][vectors];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) sum[r][v] = load(s.sum + r * s.ld + v * w);
  const T *a = s.a, *b = panel.at;
  for (int64_t p = 0; p < panel.steps; ++p, a += rows, b += vectors * w) {
    if constexpr (fetches) panel.fetch(p);
    Vector<T> x[vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) x[v] = load(b + v * w);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) sum[r][v] = fma(set1(a[r]), x[v], sum[r][v]);
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) store(s.sum + r * s.ld + v * w, sum[r][v]);
}

/// Adds the products with B [cols, k], which is transposed once for all rows, a panel at a time.
template <class T, class S>
void multiply_panels(const Sums<T>& s, int64_t cols, const S* b, int64_t ldb) {
  constexpr int64_t wide = tile_cols<T>;
  alignas(64) T copy[panel_steps * wide] = {};
  for (int64_t j = 0; j < cols; j += wide)
    for (int64_t p = 0; p < s.k; p += panel_steps) {
      const int64_t n = cols - j < wide ? cols - j : wide,
                    steps = s.k - p < panel_steps ? s.k - p : panel_steps;
      const S* from = b + j * ldb + p;
      pack_columns(steps, n, from, ldb, copy, wide);
      const Panel<T, S> panel{copy, steps, from + wide * ldb, ldb};
      add_panel<T, S, true>(Group<T>(s, 0, panel_rows, p, j), panel);
      for (int64_t r = panel_rows; r < s.rows; r += panel_rows)
        add_panel<T, S, false>(Group<T>(s, r, panel_rows, p, j), panel);
    }
}

/// Sets the sums to the products with B [cols, k], of so few rows that registers hold a sum of each.
template <class T, class S>
void multiply_transposed(const Sums<T>& s, int64_t cols, const S* b, int64_t ldb) {
  constexpr int64_t w = lanes<T>;
  for (int64_t j = 0; j < cols; j += w)
    in_groups<tile_rows>(
        s.rows, [&](int64_t r, auto count) __attribute__((always_inline)) {
          sum_columns<T, S, count>(Group<T>(s, r, count, 0, j), s.k, cols - j < w ? cols - j : w, b + j * ldb,
                                   ldb);
        });
}

/// c (set or add) alpha sum, for `cols` elements.
template <class T>
void put_row(const T* sum, T alpha, bool add, T* c, int64_t cols) {
  constexpr int w = lanes<T>;
  for (int64_t j = 0; j < cols; j += w) {
    const int64_t n = cols - j < w ? cols - j : w;
    const Vector<T> x = load(sum + j) * set1(alpha);
    store_part(c + j, add ? load_part(c + j, n) + x : x, n);
  }
}

/// A product of few rows with a matrix: all rows of A with columns of B, or columns of B with rows of A. S is the type
/// in memory, which is widened while reading.
template <class S>
struct Skinny {
  int64_t rows;
  const S* few;  ///< element (r, k) is at r * row + k * step
  int64_t row, step;
  const S* many;  ///< [K, n], or [n, K] if transposed; rows ld apart
  int64_t ld;
  bool transposed;
};

/// Adds the products with `cols` columns of B to the sums, which are 0.
template <class T, class S>
void add_products(const Sums<T>& s, int64_t cols, const S* b, int64_t ldb, int64_t K) {
  const bool stream = HEWN_VBYTES == 64 && cols == ldb && !streams_are_fetched &&
                      cols * static_cast<int64_t>(sizeof(T)) <= stream_sums &&
                      cols * K * static_cast<int64_t>(sizeof(S)) >= stream_bytes;
  const auto add = s.rows > 2    ? add_rows<T, S, tile_rows>
                   : s.rows == 2 ? add_rows<T, S, 2>
                   : stream      ? add_row<T, S, 1>
                                 : add_row<T, S, steps_at_once>;
  add(s, cols, b, ldb);
}

/// Columns `range` of such a product, on one thread; calls put(sums, j, n, block) with the sums of n columns from j on
/// over one block of K.
template <class T, class S, class Put>
void multiply_skinny(const Skinny<S>& s, int64_t K, Range range, T* scratch, const Put& put) {
  constexpr int64_t w = lanes<T>;
  const int64_t blocks = k_blocks(K, sizeof(T)), kc = blocks_of(K, blocks);
  const bool in_panels = s.transposed && s.rows > skinny_rows;
  const int64_t rows = in_panels ? blocks_of(s.rows, panel_rows) * panel_rows : s.rows;
  const int64_t wide = in_panels ? tile_cols<T> : w;  // sums are stored in whole panels
  const int64_t most = skinny_sums / static_cast<int64_t>(sizeof(T)) / rows / tile_cols<T> * tile_cols<T>;
  for (int64_t j = range.begin; j < range.end; j += most) {
    const int64_t n = range.end - j < most ? range.end - j : most, ld = blocks_of(n, wide) * wide;
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t k0 = block * kc, k = K - k0 < kc ? K - k0 : kc;
      const Sums<T> sums{rows, k, scratch + rows * ld, scratch, ld};
      const auto pack = in_panels ? pack_groups<panel_rows, T, S> : pack_groups<tile_rows, T, S>;
      pack(sums, s.rows, s.few + k0 * s.step, s.row, s.step, scratch + rows * ld);
      const S* many = s.many + (s.transposed ? j * s.ld + k0 : k0 * s.ld + j);
      if (s.transposed && !in_panels) {
        multiply_transposed(sums, n, many, s.ld);
      } else {
        for (int64_t i = 0; i < rows * ld; i += w) store(scratch + i, Vector<T>{});
        if (in_panels)
          multiply_panels(sums, n, many, s.ld);
        else
          add_products(sums, n, many, s.ld, K);
      }
      put(sums, j, n, block);
    }
  }
}

}  // namespace
}  // namespace hewn
