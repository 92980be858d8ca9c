#pragma once
// Pairs of adjacent bf16 numbers along K: 32 bits, which occupy one lane and are transposed as a unit.
// Compiled per instruction set; included only by simd*.cpp.

#include <utility>

#include "kernels/simd/vec_bf16.h"

namespace hewn {
namespace {

template <bool upper, int... i>
HEWN_INLINE vi zip_pairs(vi a, vi b, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(a, b, (upper * W / 2 + i / 2 + i % 2 * W)...);
}

/// Transposes W rows of W pairs: each round interleaves row i with row i + W / 2, which rotates the bits of
/// the index (row, column) by one; log2 W rounds exchange row and column.
HEWN_INLINE void turn(vi (&rows)[W]) {
  constexpr std::make_integer_sequence<int, W> all{};
#pragma GCC unroll 4
  for (int round = 1; round < W; round *= 2) {
    vi zipped[W];
#pragma GCC unroll 8
    for (int i = 0; i < W / 2; ++i) {
      zipped[2 * i] = zip_pairs<false>(rows[i], rows[i + W / 2], all);
      zipped[2 * i + 1] = zip_pairs<true>(rows[i], rows[i + W / 2], all);
    }
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) rows[i] = zipped[i];
  }
}

/// The first n of 2W elements at p, the rest zero.
HEWN_INLINE vi load_pairs(const BFloat16* p, int64_t n) {
  vi bits{};
  __builtin_memcpy(&bits, p, static_cast<size_t>(n) * sizeof *p);
  return bits;
}

/// pairs[i] = pair i of each of `count` rows at p, ld apart, each with n terms; zeros beyond.
HEWN_INLINE void load_transposed_pairs(const BFloat16* p, int64_t ld, int64_t count, int64_t n,
                                       vi (&pairs)[W]) {
  if (count == W && n == 2 * W) {
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) __builtin_memcpy(&pairs[i], p + i * ld, sizeof(vi));
  } else {
    for (int i = 0; i < W; ++i) pairs[i] = i < count ? load_pairs(p + i * ld, n) : vi{};
  }
  turn(pairs);
}

}  // namespace
}  // namespace hewn
