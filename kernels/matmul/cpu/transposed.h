#pragma once
// Multiplication of a few rows by a transposed matrix: squares of the matrix are transposed in registers, so
// that lanes are columns of C and every sum has the order of the tiles. The matrix is read once, in memory
// order, in as many streams as one or two vectors have lanes. Compiled per instruction set; included only by
// simd*.cpp.

#include <type_traits>

#include "kernels/matmul/cpu/pack.h"
#include "kernels/matmul/cpu/pairs.h"

namespace hewn {
namespace {

/// Prefetches `count` lines of rows of k elements, ld apart, at each call, in memory order, as a single
/// stream. On a Genoa, products with a matrix in a cache took 4 to 18% less time than with as many streams as
/// there are rows, and the head of GPT-2, from memory, 4%. On a Milan, bursts of 16 lines slowed reading down
/// by a sixth. There, a transposed bf16 matrix of 4096 x 1024 in memory is read at two thirds of the speed of
/// one that is not transposed. Other variants took as long (no prefetches; 8 rows at a time; lines copied
/// first, so that rows 2 KiB apart do not evict each other), a fifth longer (each lane reads its own adjacent
/// rows), or twice as long (loads instead of prefetches). With 32 rows at a time, a token of GPT-2 took 15%
/// longer.
template <class S, int count>
struct Ahead {
  const S* row;
  int64_t ld, k, at = 0;

  HEWN_INLINE void fetch() {
    constexpr int64_t line = 64 / static_cast<int64_t>(sizeof(S));
#pragma GCC unroll 16
    for (int i = 0; i < count; ++i) __builtin_prefetch(row + at + i * line, 0, 2);
    at += count * line;
    if (at >= k) at -= k, row += ld;
  }
};

/// Sets lane i of to[j] to element j, of the size of a lane, of row i, for as many rows as a vector has
/// lanes, ld elements apart. Rows from `present` on and elements from n on count as zeros. With 32-byte
/// vectors, 16 bytes are taken from each row, so that shuffles stay within 16 bytes and the squares of two
/// groups fit in the registers.
template <class V, class S, int cols>
HEWN_INLINE void load_square(const S* rows, int64_t ld, int64_t present, int64_t n, V (&to)[cols]) {
  if constexpr (HEWN_VBYTES != 32) {
    if constexpr (std::is_same_v<S, BFloat16>)
      load_transposed_pairs(rows, ld, present, n, to);
    else
      load_transposed<S>(rows, ld, present, n, to);
  } else {
    constexpr int64_t size = HEWN_VBYTES / 2 / sizeof(S), all = 2 * cols * size;
    constexpr std::make_integer_sequence<int, lanes<float>> words{};
    S copy[all];
    if (present < 2 * cols || n < size) {
      for (int64_t i = 0; i < all; ++i)
        copy[i] = i / size < present && i % size < n ? rows[i / size * ld + i % size] : S{};
      rows = copy, ld = size;
    }
#pragma GCC unroll 16
    for (int i = 0; i < cols; ++i)
      to[i] = reinterpret_cast<V>(load_halves<float>(rows + i * ld, rows + (i + cols) * ld, words));
    transpose<cols>(to);
  }
}

/// Calls use(g, p, x) for p = 0, 1 ... in order, where lane i of x, a V, is element p, of the size of a lane,
/// of row i of group g. A group has one row of k elements S per lane of V. Prefetches the following rows; if
/// a square needs whole lines, the rows after those, since closer prefetches would arrive too late.
template <class V, int groups, class S, class Use>
HEWN_INLINE void for_squares(const S* rows, int64_t ld, int64_t present, int64_t k, const Use& use) {
  constexpr int w = static_cast<int>(sizeof(V) / sizeof(V{}[0])), cols = HEWN_VBYTES == 32 ? w / 2 : w;
  constexpr int64_t size = static_cast<int64_t>(cols * sizeof(V{}[0]) / sizeof(S)), many = size / cols;
  V x[groups][cols];
  constexpr int squares_of_line = 64 / static_cast<int>(cols * sizeof(V{}[0]));
  Ahead<S, groups * w / squares_of_line> ahead{rows + groups * w * (squares_of_line > 1 ? 1 : 2) * ld, ld, k};
  int64_t p = 0;
  const auto square = [&](int64_t n) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int g = 0; g < groups; ++g) load_square(rows + g * w * ld + p, ld, present, n, x[g]);
#pragma GCC unroll 16
    for (int i = 0; i < cols; ++i)
#pragma GCC unroll 4
      for (int g = 0; g < groups; ++g)
        if (i * many < n) use(g, p / many + i, x[g][i]);
  };
  for (; p + size <= k; p += size) {
    ahead.fetch();
    square(size);
  }
  if (p < k) square(k - p);
}

/// The same for numbers of type T, which has the same size.
template <class T, int groups, class Use>
HEWN_INLINE void for_columns(const T* rows, int64_t ld, int64_t present, int64_t k, const Use& use) {
  for_squares<Vector<T>, groups>(rows, ld, present, k, use);
}

/// The same for pairs of bf16: p counts pairs, and an odd last term is paired with zero.
template <int groups, class Use>
HEWN_INLINE void for_pairs(const BFloat16* rows, int64_t ld, int64_t present, int64_t k, const Use& use) {
  for_squares<vi, groups>(rows, ld, present, k, use);
}

/// The same for bf16 one by one, widened.
template <class T, int groups, class Use>
HEWN_INLINE void for_columns(const BFloat16* rows, int64_t ld, int64_t present, int64_t k, const Use& use) {
  constexpr auto upper_half = static_cast<int32_t>(0xffff0000);
  for_squares<vi, groups>(
      rows, ld, present, k, [&](int g, int64_t p, vi pair) __attribute__((always_inline)) {
        use(g, 2 * p, as_float(pair << 16));
        if (2 * p + 1 < k) use(g, 2 * p + 1, as_float(pair & upper_half));
      });
}

}  // namespace
}  // namespace hewn
