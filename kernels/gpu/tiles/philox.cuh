#pragma once
// Random words in GPU code, identical on every device.

#include "kernels/gpu/simt/simt.h"

namespace hewn {
namespace {

/// The four words of a Philox 4x32-10 block (core/rng.h).
struct PhiloxWords {
  uint32_t at[4];
};

__device__ __forceinline__ PhiloxWords philox_words(uint32_t x0, uint32_t x1, uint32_t x2, uint32_t x3,
                                                    uint64_t key) {
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const uint32_t high0 = __umulhi(x0, 0xD2511F53u), low0 = x0 * 0xD2511F53u;
    const uint32_t high1 = __umulhi(x2, 0xCD9E8D57u), low1 = x2 * 0xCD9E8D57u;
    x0 = high1 ^ x1 ^ k0;
    x1 = low1;
    x2 = high0 ^ x3 ^ k1;
    x3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{x0, x1, x2, x3}};
}

/// The words of elements 64 g + lane, 64 g + 16 + lane, + 32, + 48, for 0 <= lane < 16
/// (kernels/contract/random_words.h).
__device__ __forceinline__ PhiloxWords random_words(int64_t g, int lane, uint32_t second, uint32_t third,
                                                    uint32_t fourth, uint64_t key) {
  return philox_words(static_cast<uint32_t>(g * 16 + lane), second, third, fourth, key);
}

}  // namespace
}  // namespace hewn
