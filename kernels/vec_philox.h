#pragma once
// Philox 4x32-10 (core/rng.h has the scalar one and the paper) on vectors, and the dropout masks made of it.

#include "kernels/launch.h"
#include "kernels/vec.h"

namespace hewn {
namespace {

using vul = uint64_t __attribute__((vector_size(HEWN_VBYTES)));

/// Even lanes of a times m, 64 bits each.
HEWN_INLINE vul multiply_even(vul a, uint32_t m) {
#if HEWN_VBYTES == 64
  return reinterpret_cast<vul>(
      _mm512_maskz_mul_epu32(0xff, reinterpret_cast<__m512i>(a), _mm512_set1_epi64(static_cast<int64_t>(m))));
#elif HEWN_VBYTES == 32
  return reinterpret_cast<vul>(
      _mm256_mul_epu32(reinterpret_cast<__m256i>(a), _mm256_set1_epi64x(static_cast<int64_t>(m))));
#elif defined(__x86_64__)
  return reinterpret_cast<vul>(
      _mm_mul_epu32(reinterpret_cast<__m128i>(a), _mm_set1_epi64x(static_cast<int64_t>(m))));
#else
  return (a & 0xffffffffu) * m;
#endif
}

/// The halves of the 64-bit products of every lane with m.
struct Product {
  vi high, low;
};
HEWN_INLINE Product multiply_wide(vi a, uint32_t m) {
  const vul both = reinterpret_cast<vul>(a);
  const vul even = multiply_even(both, m), odd = multiply_even(both >> 32, m);
  constexpr uint64_t upper = 0xffffffff00000000u;
  return {reinterpret_cast<vi>((even >> 32) | (odd & upper)),
          reinterpret_cast<vi>((even & ~upper) | (odd << 32))};
}

/// The four words of W blocks: word w of the block of lane l is word[w][l].
struct PhiloxWords {
  vi word[4];
};
HEWN_INLINE PhiloxWords philox(vi c0, vi c1, vi c2, vi c3, uint64_t key) {
  auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const Product p0 = multiply_wide(c0, 0xD2511F53u), p1 = multiply_wide(c2, 0xCD9E8D57u);
    c0 = p1.high ^ c1 ^ static_cast<int32_t>(k0);
    c2 = p0.high ^ c3 ^ static_cast<int32_t>(k1);
    c1 = p1.low;
    c3 = p0.low;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

/// The dropout masks of one site in one step: element e is kept when the uniform number in word e % 4 of
/// block {e / 4, site, step, micro_step} under the seed is at least p.
struct DropoutMask {
  uint64_t seed;
  vi site, step, micro_step;
  int32_t threshold;  ///< of the upper 24 bits of a word
  vf scale;           ///< 1 / (1 - p)

  HEWN_INLINE DropoutMask(const StepState& state, uint32_t at, double p)
      : seed(state.seed),
        site(set1(static_cast<int32_t>(at))),
        step(set1(static_cast<int32_t>(state.step))),
        micro_step(set1(static_cast<int32_t>(state.micro_step))),
        threshold(static_cast<int32_t>(__builtin_ceil(p * 0x1p24))),
        scale(set1(static_cast<float>(1 / (1 - p)))) {}

  /// The words of W blocks.
  HEWN_INLINE PhiloxWords words(vi block) const { return philox(block, site, step, micro_step, seed); }
  /// What an element is multiplied by: 0 or scale.
  HEWN_INLINE vf factor(vi word) const {
    const vi upper = reinterpret_cast<vi>(reinterpret_cast<vu>(word) >> 8);
    return upper >= threshold ? scale : vf{};
  }
  /// The factors of elements first, first + step_over_lanes, ...
  HEWN_INLINE vf factors(uint64_t first, int32_t lane_step) const {
    const vi place = static_cast<int32_t>(first % 4) + lane_index() * lane_step, in_block = place & 3;
    const PhiloxWords w = words(static_cast<int32_t>(first / 4) + (place >> 2));
    return factor(in_block == 0   ? w.word[0]
                  : in_block == 1 ? w.word[1]
                  : in_block == 2 ? w.word[2]
                                  : w.word[3]);
  }

 private:
  using vu = uint32_t __attribute__((vector_size(HEWN_VBYTES)));
};

}  // namespace
}  // namespace hewn
