#pragma once
// Philox 4x32-10 (core/rng.h) on vectors.

#include "kernels/simd/vec.h"

namespace hewn {
namespace {

/// The upper and lower halves of the 64-bit products of every lane with c.
struct Product {
  vi high, low;
};
HEWN_INLINE Product wide_product(vi a, uint32_t c) {
  // The even lanes and the odd lanes as 64-bit integers whose upper half the multiplication ignores.
  using vu = uint64_t __attribute__((vector_size(HEWN_VBYTES)));
  const vu even_lanes = reinterpret_cast<vu>(a), odd_lanes = even_lanes >> 32;
#if HEWN_VBYTES == 64
  const auto factor = _mm512_set1_epi64(c);
  const auto multiply = [&](vu v) {
    return reinterpret_cast<vu>(_mm512_maskz_mul_epu32(0xff, reinterpret_cast<__m512i>(v), factor));
  };
#elif HEWN_VBYTES == 32
  const auto factor = _mm256_set1_epi64x(c);
  const auto multiply = [&](vu v) {
    return reinterpret_cast<vu>(_mm256_mul_epu32(reinterpret_cast<__m256i>(v), factor));
  };
#elif defined(__x86_64__)
  const auto factor = _mm_set1_epi64x(c);
  const auto multiply = [&](vu v) {
    return reinterpret_cast<vu>(_mm_mul_epu32(reinterpret_cast<__m128i>(v), factor));
  };
#else
  const auto multiply = [&](vu v) { return (v & 0xffffffffu) * uint64_t{c}; };
#endif
  const vu even = multiply(even_lanes), odd = multiply(odd_lanes);
  constexpr uint64_t upper = 0xffffffff00000000u;
  return {reinterpret_cast<vi>((even >> 32) | (odd & upper)),
          reinterpret_cast<vi>((even & ~upper) | (odd << 32))};
}

/// The four words of one block per lane.
struct PhiloxLanes {
  vi at[4];
};

/// Of blocks {x0, x1, x2, x3} under `key`, with one x0 per lane.
HEWN_INLINE PhiloxLanes philox(vi x0, uint32_t second, uint32_t third, uint32_t fourth, uint64_t key) {
  vi x1 = set1(static_cast<int32_t>(second)), x2 = set1(static_cast<int32_t>(third)),
     x3 = set1(static_cast<int32_t>(fourth));
  auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const Product p0 = wide_product(x0, 0xD2511F53u), p1 = wide_product(x2, 0xCD9E8D57u);
    x0 = p1.high ^ x1 ^ static_cast<int32_t>(k0);
    x1 = p1.low;
    x2 = p0.high ^ x3 ^ static_cast<int32_t>(k1);
    x3 = p0.low;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{x0, x1, x2, x3}};
}

/// The words of elements 64 g + lane, 64 g + 16 + lane, + 32, + 48 and of the elements after them, one per
/// lane, for 0 <= lane < 16 (kernels/contract/random_words.h).
HEWN_INLINE PhiloxLanes random_words(int64_t g, int lane, uint32_t second, uint32_t third, uint32_t fourth,
                                     uint64_t key) {
  return philox(lane_index() + static_cast<int32_t>(g * 16 + lane), second, third, fourth, key);
}

}  // namespace
}  // namespace hewn
