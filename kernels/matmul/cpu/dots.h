#pragma once
// A few rows times many, both stored along K: every element is a dot product, with vectors along K, one chain
// of multiply-adds per lane, and the lanes summed at the end. The many are read once, in memory order, and
// only the lanes need to be transposed. Compiled per instruction set; included only by simd*.cpp.

#include "kernels/matmul/cpu/blocks.h"
#include "kernels/matmul/cpu/pack.h"
#include "kernels/matmul/cpu/skinny.h"

namespace hewn {
namespace {

/// Terms of a block along K: rows_of_dots rows of this many terms fit in the scratch.
template <class T>
constexpr int64_t most_dot_terms = (16 << 10) / sizeof(T);
/// How many of the few rows are processed together: with four of the many, half the
/// registers hold their sums.
constexpr int dots_at_once = tile_rows / 2;

/// to[i, j] = the lanes of the dot product of row i of the few, which are padded with zeros to whole vectors,
/// and row j of the many.
template <class T, class S, int rows, int cols>
__attribute__((noinline)) void dots(int64_t k, const T* few, int64_t row, const S* many, int64_t ld, T* to) {
  using V = Vector<T>;
  constexpr int w = lanes<T>;
  V sum[rows][cols] = {};
  const auto step = [&](int64_t p, auto part) __attribute__((always_inline)) {
    V y[cols];
#pragma GCC unroll 8
    for (int j = 0; j < cols; ++j) {
      y[j] = part ? load_part(many + j * ld + p, k - p) : load(many + j * ld + p);
      __builtin_prefetch(many + (cols + j) * ld + p, 0, 2);
    }
#pragma GCC unroll 4
    for (int i = 0; i < rows; ++i) {
      const V x = load(few + i * row + p);
#pragma GCC unroll 8
      for (int j = 0; j < cols; ++j) sum[i][j] = fma(x, y[j], sum[i][j]);
    }
  };
  int64_t p = 0;
  for (; p + w <= k; p += w) step(p, std::false_type{});
  if (p < k) step(p, std::true_type{});
#pragma GCC unroll 4
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < cols; ++j) store(to + (i * w + j) * w, sum[i][j]);
}

/// All of the few with n of the many, `cols` at a time; n is at most the number of lanes of a vector.
template <class T, class S, int cols>
HEWN_INLINE void dots_of(const Sums<T>& s, int64_t n, const S* many, int64_t ld, T* squares) {
  constexpr int64_t w = lanes<T>, at_once = cols < w ? cols : w;
  const int64_t row = blocks_of(s.k, w) * w;
  const auto some = [&](int64_t j, auto count) __attribute__((always_inline)) {
    in_groups<dots_at_once>(
        s.rows, [&](int64_t i, auto rows) __attribute__((always_inline)) {
          dots<T, S, rows, count>(s.k, s.a + i * row, row, many + j * ld, ld, squares + (i * w + j) * w);
        });
  };
  int64_t j = 0;
  for (; j + at_once <= n; j += at_once) some(j, std::integral_constant<int, at_once>{});
  for (; j < n; ++j) some(j, std::integral_constant<int, 1>{});
}

/// The sum of each row of the square, added in pairs.
template <class T>
HEWN_INLINE Vector<T> sum_lanes(const T* square) {
  constexpr int w = lanes<T>;
  Vector<T> x[w];
  load_transposed<T>(square, w, x);
#pragma GCC unroll 4
  for (int step = 1; step < w; step *= 2)
#pragma GCC unroll 8
    for (int i = 0; i < w; i += 2 * step) x[i] += x[i + step];
  return x[0];
}

/// Like multiply_skinny, for a transposed matrix.
template <class T, class S, class Put>
void multiply_dots(const Skinny<S>& s, int64_t K, Range range, T* scratch, const Put& put) {
  constexpr int64_t w = lanes<T>;
  const int64_t blocks = K > 0 ? blocks_of(K, most_dot_terms<T>) : 1;
  const int64_t kc = blocks_of(blocks_of(K, blocks), w) * w;
  T *squares = scratch, *sum = squares + s.rows * w * w, *few = sum + s.rows * w;
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t k0 = block * kc, k = K - k0 < kc ? K - k0 : kc;
    for (int64_t r = 0; r < s.rows; ++r)
      for (int64_t p = 0; p < blocks_of(k, w) * w; ++p)
        few[r * blocks_of(k, w) * w + p] =
            p < k ? static_cast<T>(s.few[r * s.row + (k0 + p) * s.step]) : T{0};
    const Sums<T> sums{s.rows, k, few, sum, w};
    for (int64_t j = range.begin; j < range.end; j += w) {
      const int64_t n = range.end - j < w ? range.end - j : w;
      const S* many = s.many + j * s.ld + k0;
      s.rows == 1 ? dots_of<T, S, 8>(sums, n, many, s.ld, squares)
                  : dots_of<T, S, 4>(sums, n, many, s.ld, squares);
      for (int64_t r = 0; r < s.rows; ++r) store(sum + r * w, sum_lanes(squares + r * w * w));
      put(sums, j, n, block);
    }
  }
}

}  // namespace
}  // namespace hewn
