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

/// Pairs of two widened rows, lane by lane.
HEWN_INLINE vi paired(vf first, vf second) {
  using Unsigned = uint32_t __attribute__((vector_size(HEWN_VBYTES)));
  return reinterpret_cast<vi>((reinterpret_cast<Unsigned>(first) >> 16) | reinterpret_cast<Unsigned>(second));
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
