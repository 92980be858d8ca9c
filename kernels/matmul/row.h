#pragma once
// A single row times a matrix, as when a text is continued token by token: every element of b is used once,
// so that reading it is all the time there is. Sums run in the same order as in the tiles, and give the same
// bits. Compiled per instruction set; includers are simd*.cpp.

#include "kernels/matmul/pack.h"

namespace hewn {
namespace {

/// sum[j] += a[0] b[0, j] + ... + a[k - 1] b[k - 1, j], one after the other: b [k, cols] in whole rows, some
/// at a time, which memory delivers best. Steps along a are `step`.
template <class T>
void add_rows(int64_t k, int64_t cols, const T* a, int64_t step, const T* b, int64_t ldb, T* sum) {
  constexpr int w = lanes<T>, at_once = 8;
  for (; k >= at_once; k -= at_once, a += at_once * step, b += at_once * ldb) {
    Vector<T> x[at_once];
#pragma GCC unroll 8
    for (int i = 0; i < at_once; ++i) x[i] = set1(a[i * step]);
    int64_t j = 0;
    for (; j + w <= cols; j += w) {
      Vector<T> s = load(sum + j);
#pragma GCC unroll 8
      for (int i = 0; i < at_once; ++i) s = fma(x[i], load(b + i * ldb + j), s);
      store(sum + j, s);
    }
    if (j < cols) {
      Vector<T> s = load(sum + j);
      for (int i = 0; i < at_once; ++i) s = fma(x[i], load_part(b + i * ldb + j, cols - j), s);
      store(sum + j, s);
    }
  }
  for (; k > 0; --k, a += step, b += ldb)
    for (int64_t j = 0; j < cols; j += w) {
      const int64_t n = cols - j < w ? cols - j : w;
      store(sum + j, fma(set1(*a), load_part(b + j, n), load(sum + j)));
    }
}

/// The same for b [cols, k]: squares of it are turned in registers, so that a vector holds one step of `w`
/// sums. Every row of b is read from its start to its end.
template <class T>
void add_columns(int64_t k, int64_t cols, const T* a, int64_t step, const T* b, int64_t ldb, T* sum) {
  constexpr int w = lanes<T>;
  for (int64_t j = 0; j < cols; j += w) {
    const int64_t present = cols - j < w ? cols - j : w;
    Vector<T> s = load(sum + j);
    for (int64_t p = 0; p < k; p += w) {
      const int64_t n = k - p < w ? k - p : w;
      Vector<T> rows[w];
      load_square(b + j * ldb + p, ldb, present, n, rows);
      transpose<T>(rows);
      if (n == w) {
#pragma GCC unroll 16
        for (int i = 0; i < w; ++i) s = fma(set1(a[(p + i) * step]), rows[i], s);
      } else {
        for (int i = 0; i < n; ++i) s = fma(set1(a[(p + i) * step]), rows[i], s);
      }
    }
    store(sum + j, s);
  }
}

}  // namespace
}  // namespace hewn
