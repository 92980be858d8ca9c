#pragma once
// Products of few rows in pairs of bf16 terms, summed in the order of tile_bf16.h. Compiled for avx512bf16;
// included only by simd_bf16.cpp.

#include "kernels/matmul/cpu/skinny.h"
#include "kernels/matmul/cpu/tile_bf16.h"

namespace hewn {
namespace {

/// Like SingleTerms, but a step takes a pair of adjacent terms of A and, in each lane, of B. An odd last term
/// is paired with zero.
struct PairedTerms {
  using T = float;
  using S = BFloat16;
  using Factor = int32_t;
  static constexpr int terms = 2;

  static Factor factor(const BFloat16* a, int64_t step, int64_t left) {
    const uint32_t second = left > 1 ? a[step].bits : 0;
    return static_cast<Factor>(a->bits | second << 16);
  }
  HEWN_INLINE static vi columns(const BFloat16* b, int64_t ldb) { return paired(load(b), load(b + ldb)); }
  HEWN_INLINE static vi columns(const BFloat16* b, int64_t ldb, int64_t n, int64_t left) {
    return paired(load_part(b, n), left > 1 ? load_part(b + ldb, n) : vf{});
  }
  HEWN_INLINE static vf multiply_add(Factor a, vi b, vf sum) {
    return _mm512_dpbf16_ps(sum, pairs_of(set1(a)), pairs_of(b));
  }
  template <int groups, class Use>
  HEWN_INLINE static void transposed(const BFloat16* b, int64_t ldb, int64_t present, int64_t k,
                                     const Use& use) {
    for_pairs<groups>(b, ldb, present, k, use);
  }
};

}  // namespace
}  // namespace hewn
