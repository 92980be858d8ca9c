#pragma once
// bfloat16 in vectors: W of them in memory become a vf in registers. Widening is exact; rounding goes to
// nearest even and keeps NaN a NaN, as BFloat16 does, including subnormals (which the processor's own
// conversion flushes to zero).

#include "core/dtype.h"
#include "kernels/simd/vec.h"

namespace hewn {
namespace {

/// The bits of a bfloat16 are the upper half of a 32-bit lane; widening clears the lower half, and storing
/// drops it.
#if HEWN_VBYTES == 64
using Bf16Vector = __m256i;
HEWN_INLINE vi upper_halves(Bf16Vector h) {
  return reinterpret_cast<vi>(_mm512_maskz_slli_epi32(0xffff, _mm512_maskz_cvtepu16_epi32(0xffff, h), 16));
}
HEWN_INLINE Bf16Vector upper_halves(vi v) {
  const auto lower = _mm512_maskz_srli_epi32(0xffff, reinterpret_cast<__m512i>(v), 16);
  return _mm512_maskz_cvtepi32_epi16(0xffff, lower);
}
#elif HEWN_VBYTES == 32
using Bf16Vector = __m128i;
HEWN_INLINE vi upper_halves(Bf16Vector h) {
  return reinterpret_cast<vi>(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16));
}
HEWN_INLINE Bf16Vector upper_halves(vi v) {
  const __m256i lower = _mm256_srai_epi32(reinterpret_cast<__m256i>(v), 16);
  return _mm_packs_epi32(_mm256_castsi256_si128(lower), _mm256_extracti128_si256(lower, 1));
}
#elif defined(__aarch64__)
using Bf16Vector = uint16x4_t;
HEWN_INLINE vi upper_halves(Bf16Vector h) { return reinterpret_cast<vi>(vshll_n_u16(h, 16)); }
HEWN_INLINE Bf16Vector upper_halves(vi v) { return vshrn_n_u32(reinterpret_cast<uint32x4_t>(v), 16); }
#else
using Bf16Vector = int64_t;
HEWN_INLINE vi upper_halves(Bf16Vector h) {
  return reinterpret_cast<vi>(_mm_unpacklo_epi16(_mm_setzero_si128(), _mm_cvtsi64_si128(h)));
}
HEWN_INLINE Bf16Vector upper_halves(vi v) {
  const __m128i lower = _mm_srai_epi32(reinterpret_cast<__m128i>(v), 16);
  return _mm_cvtsi128_si64(_mm_packs_epi32(lower, lower));
}
#endif

/// The nearest bfloat16 of each lane, with its bits in the upper half of the lane.
HEWN_INLINE vi rounded_to_bf16(vf v) {
  using Unsigned = uint32_t __attribute__((vector_size(HEWN_VBYTES)));
  const auto bits = reinterpret_cast<Unsigned>(v);
  const Unsigned nearest = bits + 0x7fff + ((bits >> 16) & 1);
  return v == v ? reinterpret_cast<vi>(nearest) : (as_int(v) | 0x400000);
}

HEWN_INLINE vf load(const BFloat16* p) {
  Bf16Vector h;
  __builtin_memcpy(&h, p, sizeof h);
  return as_float(upper_halves(h));
}
HEWN_INLINE void store(BFloat16* p, vf v) {
  const Bf16Vector h = upper_halves(rounded_to_bf16(v));
  __builtin_memcpy(&p->bits, &h, sizeof h);
}
HEWN_INLINE vf load_part(const BFloat16* p, int64_t n) {
  Bf16Vector h{};
  __builtin_memcpy(&h, p, static_cast<size_t>(n) * sizeof *p);
  return as_float(upper_halves(h));
}
HEWN_INLINE void store_part(BFloat16* p, vf v, int64_t n) {
  const Bf16Vector h = upper_halves(rounded_to_bf16(v));
  __builtin_memcpy(&p->bits, &h, static_cast<size_t>(n) * sizeof *p);
}
HEWN_INLINE vf load(const BFloat16* p, AllLanes) { return load(p); }
HEWN_INLINE vf load(const BFloat16* p, FirstLanes lanes) { return load_part(p, lanes.n); }
HEWN_INLINE void store(BFloat16* p, vf v, AllLanes) { store(p, v); }
HEWN_INLINE void store(BFloat16* p, vf v, FirstLanes lanes) { store_part(p, v, lanes.n); }

}  // namespace
}  // namespace hewn
