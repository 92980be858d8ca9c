#pragma once
// Dropout masks in SIMD code, for this room's kernel and for others that apply dropout to their results
// (attention weights).

#include "kernels/dropout/abi.h"
#include "kernels/simd/vec_philox.h"

namespace hewn {
namespace {

/// Writes the 64 factors, 0 or 1 / (1 - p), of elements 64 group to 64 group + 63 (kernels/dropout/abi.h).
HEWN_INLINE void dropout_factors(const Dropout& a, int64_t group, float* factors) {
  const auto threshold =
      static_cast<int32_t>(static_cast<uint32_t>(__builtin_ceil(a.p * 4294967296.0)) ^ 0x80000000u);
  const auto factor = static_cast<float>(1 / (1 - a.p));
  for (int lane = 0; lane < 16; lane += W) {
    const PhiloxLanes words = random_words(group, lane, static_cast<uint32_t>(a.state->step),
                                           static_cast<uint32_t>(a.state->micro_step), a.site, a.state->seed);
    // Unsigned comparison by a signed one: flip the top bit of both sides.
    for (int w = 0; w < 4; ++w)
      store(factors + w * 16 + lane, (words.at[w] ^ INT32_MIN) >= threshold ? set1(factor) : vf{});
  }
}

}  // namespace
}  // namespace hewn
