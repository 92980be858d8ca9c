#pragma once
// Pairs of adjacent bf16 numbers along K: 32 bits, which occupy one lane and are transposed as a unit.
// Compiled per instruction set; included only by simd*.cpp.

#include "kernels/simd/vec_bf16.h"
#include "kernels/simd/vec_transpose.h"

namespace hewn {
namespace {

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
  transpose<W>(pairs);
}

}  // namespace
}  // namespace hewn
