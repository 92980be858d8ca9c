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

/// The same for short vectors. Their tiles would read B one line at a time from distant rows, or copy whole
/// blocks of a transposed B. On a Milan, 6 or 8 rows times GPT-2's matrices took 40% less time without tiles,
/// and times its transposed head a quarter less. Tiles remain for long vectors, where they prefetch the next
/// block, and for a bf16 B, which would be widened again for every few rows.
constexpr int64_t skinny_rows_short = HEWN_VBYTES == 64 ? skinny_rows : 16;
/// Whether M rows times B take this path; `widened`: B does not have the type of the sums.
[[maybe_unused]] constexpr bool is_skinny(int64_t M, bool trans_b, bool widened) {
  return M <= (trans_b || !widened ? skinny_rows_short : skinny_rows);
}

/// Steps of k in a panel of a transposed B, which stays in the first-level cache along with the rows of A.
constexpr int64_t panel_steps = 128;
/// Rows of A that share a panel: enough sums to hide the latency of additions.
constexpr int panel_rows = 4;

/// Accumulates along K one term per step: T is the type of the sums, S that of the operands in memory, which
/// are widened.
template <class Number, class InMemory>
struct SingleTerms {
  using T = Number;
  using S = InMemory;
  using Factor = T;  ///< a row of A's factor for one step
  static constexpr int terms = 1;

  /// The factor of the terms at a, `step` apart; `left` of them exist.
  static Factor factor(const S* a, int64_t, int64_t) { return static_cast<T>(*a); }
  /// The terms of B for one step in a vector of columns; n columns and `left` terms exist.
  HEWN_INLINE static Vector<T> columns(const S* b, int64_t) { return load(b); }
  HEWN_INLINE static Vector<T> columns(const S* b, int64_t, int64_t n, int64_t) { return load_part(b, n); }
  HEWN_INLINE static Vector<T> multiply_add(Factor a, Vector<T> b, Vector<T> sum) {
    return fma(set1(a), b, sum);
  }
  template <int groups, class Use>
  HEWN_INLINE static void transposed(const S* b, int64_t ldb, int64_t present, int64_t k, const Use& use) {
    for_columns<T, groups>(b, ldb, present, k, use);
  }
};

/// Partial sums of some rows over the rows of B processed so far: sum[r, j] = sum over k of a[r, k] b[k, j].
template <class Terms>
struct Sums {
  int64_t rows, k;
  const typename Terms::Factor* a;  ///< groups of rows, one after the other, each [steps, rows of the group]
  typename Terms::T* sum;           ///< [rows, ld], ld in whole vectors
  int64_t ld;
  int64_t steps() const { return (k + Terms::terms - 1) / Terms::terms; }
};

/// The sums of one group of rows from column j on, and the group's factors from step p on.
template <class Terms>
struct Group {
  const typename Terms::Factor* a;
  typename Terms::T* sum;
  int64_t ld;
  Group(const Sums<Terms>& s, int64_t first, int count, int64_t p, int64_t j)
      : a(s.a + first * s.steps() + p * count), sum(s.sum + first * s.ld + j), ld(s.ld) {}
};

/// Copies `rows` rows of A, element (r, k) at r * row + k * step, to the layout of Sums, in groups of `most`;
/// the rows beyond are zero.
template <int most, class Terms>
void pack_groups(const Sums<Terms>& s, int64_t rows, const typename Terms::S* a, int64_t row, int64_t step,
                 typename Terms::Factor* to) {
  in_groups<most>(s.rows, [&](int64_t first, auto count) {
    for (int64_t k = 0; k < s.k; k += Terms::terms)
      for (int64_t r = first; r < first + count; ++r)
        *to++ = r < rows ? Terms::factor(a + r * row + k * step, step, s.k - k) : typename Terms::Factor{};
  });
}

/// The number of steps per pass: each pass loads and stores the sums once, and the prefetchers must follow
/// this many streams, or twice as many with pairs. With 16 steps, the head of GPT-2 took a quarter longer for
/// 1 to 4 rows on a Genoa.
constexpr int steps_at_once = 8;
/// Each pass reads one line from each of these rows of B, and long vectors prefetch the line
/// `rows_fetched_ahead` rows below. With GPT-2's matrices in memory on a Genoa, this made one row of A 8%
/// faster on two threads and 20% faster on one. Two lines per row, prefetches into the first-level cache, and
/// a single row of B per pass were slower.
constexpr int line_bytes = 64, rows_fetched_ahead = 16;

/// Adds `steps` steps in `vectors` whole vectors of columns.
template <class Terms, int rows, int vectors, int steps>
HEWN_INLINE void add_line(const Group<Terms>& s, const typename Terms::S* b, int64_t ldb) {
  constexpr int w = lanes<typename Terms::T>, terms = Terms::terms;
  if constexpr (HEWN_VBYTES == 64)
#pragma GCC unroll 16
    for (int i = 0; i < steps * terms; ++i) __builtin_prefetch(b + (i + rows_fetched_ahead) * ldb, 0, 2);
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
    Vector<typename Terms::T> sum[rows];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) sum[r] = load(s.sum + r * s.ld + v * w);
#pragma GCC unroll 8
    for (int i = 0; i < steps; ++i) {
      const auto x = Terms::columns(b + i * terms * ldb + v * w, ldb);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) sum[r] = Terms::multiply_add(s.a[i * rows + r], x, sum[r]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) store(s.sum + r * s.ld + v * w, sum[r]);
  }
}

/// The same for n columns, at most one vector; `left` terms exist.
template <class Terms, int rows>
HEWN_INLINE void add_part(const Group<Terms>& s, const typename Terms::S* b, int64_t ldb, int64_t steps,
                          int64_t n, int64_t left) {
  Vector<typename Terms::T> sum[rows];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) sum[r] = load(s.sum + r * s.ld);
  for (int64_t i = 0; i < steps; ++i, b += Terms::terms * ldb, left -= Terms::terms) {
    const auto x = Terms::columns(b, ldb, n, left);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) sum[r] = Terms::multiply_add(s.a[i * rows + r], x, sum[r]);
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) store(s.sum + r * s.ld, sum[r]);
}

/// Adds the products with all rows of B [k, cols] to the sums; A in groups of `most`.
template <int most, class Terms>
__attribute__((noinline)) void add_rows(const Sums<Terms>& s, int64_t cols, const typename Terms::S* b,
                                        int64_t ldb) {
  constexpr int w = lanes<typename Terms::T>, terms = Terms::terms;
  constexpr int vectors = line_bytes / (w * static_cast<int>(sizeof(*b))), wide = vectors * w;
  int64_t p = 0, j = 0;
  const auto group = [&](int64_t r, auto count) { return Group<Terms>(s, r, count, p, j); };
  for (; (p + steps_at_once) * terms <= s.k; p += steps_at_once, b += steps_at_once * terms * ldb) {
    for (j = 0; j + wide <= cols; j += wide)
      in_groups<most>(
          s.rows, [&](int64_t r, auto count) __attribute__((always_inline)) {
            add_line<Terms, count, vectors, steps_at_once>(group(r, count), b + j, ldb);
          });
    for (; j < cols; j += w)
      in_groups<most>(s.rows, [&](int64_t r, auto count) {
        add_part<Terms, count>(group(r, count), b + j, ldb, steps_at_once, cols - j < w ? cols - j : w,
                               steps_at_once * terms);
      });
  }
  for (j = 0; j < cols; j += w)
    in_groups<most>(s.rows, [&](int64_t r, auto count) {
      add_part<Terms, count>(group(r, count), b + j, ldb, s.steps() - p, cols - j < w ? cols - j : w,
                             s.k - p * terms);
    });
}

/// The number of vectors of columns of a transposed B that share a pass over K. An addition has a latency of
/// four cycles, which a vector of only 16 bytes does not hide. On a Milan, two vectors made GPT-2's bf16
/// matrices 17% faster from memory, but float32 ones, with 16 instead of 8 rows of B at a time, 10% slower.
template <int rows, class S, class T>
constexpr int vectors_at_once = HEWN_VBYTES == 32 && rows <= 2 && sizeof(S) < sizeof(T) ? 2 : 1;

/// Sets the sums of one group of rows in `vectors` vectors of columns from j on, over all of a transposed B.
/// If `vectors` is 1, only `present` of the columns exist.
template <class Terms, int rows, int vectors>
__attribute__((noinline)) void sum_columns(const Group<Terms>& s, int64_t k, int64_t present,
                                           const typename Terms::S* b, int64_t ldb) {
  Vector<typename Terms::T> sum[vectors][rows]{};
  Terms::template transposed<vectors>(
      b, ldb, present, k, [&](int v, int64_t p, auto x) __attribute__((always_inline)) {
#pragma GCC unroll 8
        for (int r = 0; r < rows; ++r) sum[v][r] = Terms::multiply_add(s.a[p * rows + r], x, sum[v][r]);
      });
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v)
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) store(s.sum + r * s.ld + v * lanes<typename Terms::T>, sum[v][r]);
}

/// A transposed panel of B, [steps, vectors], and the rows of B, ldb apart, that form the next panel. Their
/// lines are prefetched one by one while this panel is in use: prefetched all at once, they would wait for
/// each other.
template <class T, class S>
struct Panel {
  static constexpr int lines = tile_cols<T> * static_cast<int>(sizeof(S)) / 64;  ///< lines to prefetch per
                                                                                 ///< step
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
__attribute__((noinline)) void add_panel(const Group<SingleTerms<T, S>>& s, const Panel<T, S>& panel) {
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
void multiply_panels(const Sums<SingleTerms<T, S>>& s, int64_t cols, const S* b, int64_t ldb) {
  using G = Group<SingleTerms<T, S>>;
  constexpr int64_t wide = tile_cols<T>;
  alignas(64) T copy[panel_steps * wide] = {};
  for (int64_t j = 0; j < cols; j += wide)
    for (int64_t p = 0; p < s.k; p += panel_steps) {
      const int64_t n = cols - j < wide ? cols - j : wide,
                    steps = s.k - p < panel_steps ? s.k - p : panel_steps;
      const S* from = b + j * ldb + p;
      pack_columns(steps, n, from, ldb, copy, wide);
      const Panel<T, S> panel{copy, steps, from + wide * ldb, ldb};
      add_panel<T, S, true>(G(s, 0, panel_rows, p, j), panel);
      for (int64_t r = panel_rows; r < s.rows; r += panel_rows)
        add_panel<T, S, false>(G(s, r, panel_rows, p, j), panel);
    }
}

/// Sets the sums to the products with B [cols, k], for few enough rows that the sums fit in registers.
template <class Terms>
void multiply_transposed(const Sums<Terms>& s, int64_t cols, const typename Terms::S* b, int64_t ldb) {
  using T = typename Terms::T;
  using S = typename Terms::S;
  constexpr int64_t w = lanes<T>, wide = vectors_at_once<1, S, T> * w;
  for (int64_t j = 0; j < cols; j += wide)
    in_groups<tile_rows>(
        s.rows, [&](int64_t r, auto count) __attribute__((always_inline)) {
          constexpr int vectors = vectors_at_once<count, S, T>;
          const int64_t end = cols - j < wide ? cols : j + wide;
          int64_t i = j;
          for (; i + vectors * w <= end; i += vectors * w)
            sum_columns<Terms, count, vectors>(Group<Terms>(s, r, count, 0, i), s.k, w, b + i * ldb, ldb);
          for (; i < end; i += w)
            sum_columns<Terms, count, 1>(Group<Terms>(s, r, count, 0, i), s.k, end - i < w ? end - i : w,
                                         b + i * ldb, ldb);
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
template <class Terms>
void add_products(const Sums<Terms>& s, int64_t cols, const typename Terms::S* b, int64_t ldb) {
  const auto add = s.rows > 2    ? add_rows<tile_rows, Terms>
                   : s.rows == 2 ? add_rows<2, Terms>
                                 : add_rows<1, Terms>;
  add(s, cols, b, ldb);
}

/// Columns `range` of such a product, on one thread, in blocks of `kc` terms along K; calls put(sums, j, n, block) with
/// the sums of n columns from j on over one block.
template <class Terms, class Put>
void multiply_skinny(const Skinny<typename Terms::S>& s, int64_t K, int64_t kc, Range range, void* scratch,
                     const Put& put) {
  using T = typename Terms::T;
  constexpr int64_t w = lanes<T>;
  constexpr bool panels = Terms::terms == 1 && skinny_rows_short > skinny_rows;
  const bool in_panels = panels && s.transposed && s.rows > skinny_rows;
  const int64_t rows = in_panels ? blocks_of(s.rows, panel_rows) * panel_rows : s.rows;
  const int64_t wide = in_panels ? tile_cols<T> : w;  // sums are stored in whole panels
  const int64_t most = skinny_sums / static_cast<int64_t>(sizeof(T)) / rows / tile_cols<T> * tile_cols<T>;
  for (int64_t j = range.begin; j < range.end; j += most) {
    const int64_t n = range.end - j < most ? range.end - j : most, ld = blocks_of(n, wide) * wide;
    T* sum = static_cast<T*>(scratch);
    auto* a = reinterpret_cast<typename Terms::Factor*>(sum + rows * ld);
    int64_t k0 = 0, block = 0;
    do {  // at least once, to write C if K is 0
      const Sums<Terms> sums{rows, K - k0 < kc ? K - k0 : kc, a, sum, ld};
      const auto pack = in_panels ? pack_groups<panel_rows, Terms> : pack_groups<tile_rows, Terms>;
      pack(sums, s.rows, s.few + k0 * s.step, s.row, s.step, a);
      const auto* many = s.many + (s.transposed ? j * s.ld + k0 : k0 * s.ld + j);
      if (s.transposed && !in_panels) {
        multiply_transposed(sums, n, many, s.ld);
      } else {
        for (int64_t i = 0; i < rows * ld; i += w) store(sum + i, Vector<T>{});
        if constexpr (panels) {
          if (in_panels) multiply_panels(sums, n, many, s.ld);
        }
        if (!in_panels) add_products(sums, n, many, s.ld);
      }
      put(sums, j, n, block++);
      k0 += kc;
    } while (k0 < K);
  }
}

}  // namespace
}  // namespace hewn
