#include "kernels/roof/simd.h"
#include "kernels/simd/vec.h"

namespace hewn {
namespace {

constexpr int chains = 12;  // as in simd.cpp

}  // namespace

template <>
double roof_dots<Isa::HEWN_ISA>(DType, int64_t rounds) {
  // Products of 2^-10 that are added to 0, 1, 2, ...: no overflow, no denormals.
  const auto a = reinterpret_cast<__m512bh>(_mm512_set1_epi32(0x3d003d00));
  vf sum[chains];
#pragma GCC unroll 12
  for (int c = 0; c < chains; ++c) sum[c] = set1(static_cast<float>(c));
  for (int64_t r = 0; r < rounds; ++r)
#pragma GCC unroll 12
    for (int c = 0; c < chains; ++c) sum[c] = _mm512_dpbf16_ps(sum[c], a, a);
  vf all{};
#pragma GCC unroll 12
  for (int c = 0; c < chains; ++c) all += sum[c];
  return static_cast<double>(all[0]);
}

template <>
int64_t roof_dots_fmas<Isa::HEWN_ISA>() {
  return chains * 2 * W;
}

}  // namespace hewn
