#pragma once
// Dropout masks on vectors, for this room's kernel and for others that drop what they compute (attention
// weights).

#include "kernels/dropout/abi.h"
#include "kernels/vec.h"

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

/// Writes the 64 factors, 0 or 1 / (1 - p), of elements 64 group to 64 group + 63 (kernels/dropout/abi.h).
HEWN_INLINE void dropout_factors(const Dropout& a, int64_t group, float* factors) {
  const auto threshold =
      static_cast<int32_t>(static_cast<uint32_t>(__builtin_ceil(a.p * 4294967296.0)) ^ 0x80000000u);
  const auto factor = static_cast<float>(1 / (1 - a.p));
  for (int lane = 0; lane < 16; lane += W) {
    vi x0 = lane_index() + static_cast<int32_t>(group * 16 + lane);
    vi x1 = set1(static_cast<int32_t>(a.state->step)), x2 = set1(static_cast<int32_t>(a.state->micro_step));
    vi x3 = set1(static_cast<int32_t>(a.site));
    auto k0 = static_cast<uint32_t>(a.state->seed), k1 = static_cast<uint32_t>(a.state->seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const Product p0 = wide_product(x0, 0xD2511F53u), p1 = wide_product(x2, 0xCD9E8D57u);
      x0 = p1.high ^ x1 ^ static_cast<int32_t>(k0);
      x1 = p1.low;
      x2 = p0.high ^ x3 ^ static_cast<int32_t>(k1);
      x3 = p0.low;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    // Unsigned comparison by way of the signed one: both sides with their top bit flipped.
    const vi words[4] = {x0, x1, x2, x3};
    for (int w = 0; w < 4; ++w)
      store(factors + w * 16 + lane, (words[w] ^ INT32_MIN) >= threshold ? set1(factor) : vf{});
  }
}

}  // namespace
}  // namespace hewn
