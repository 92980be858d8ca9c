#pragma once
// Dropout masks in GPU code, the same as on every device (abi.h), for this room's kernel and for others that
// apply dropout to their results.

#include "kernels/gpu/tiles/philox.cuh"

namespace hewn {
namespace {

/// The random words of elements 64 g + lane, 64 g + 16 + lane, + 32, + 48, for 0 <= lane < 16: an element is
/// kept if its word is at least `dropout_threshold`.
__device__ __forceinline__ PhiloxWords dropout_words(const StepState& state, uint32_t site, int64_t g,
                                                     int lane) {
  return random_words(g, lane, static_cast<uint32_t>(state.step), static_cast<uint32_t>(state.micro_step),
                      site, state.seed);
}

/// ceil(p 2^32)
inline uint32_t dropout_threshold(double p) {
  const double least = p * 4294967296.0;
  const auto whole = static_cast<uint64_t>(least);
  const uint64_t up = whole + (static_cast<double>(whole) < least ? 1 : 0);
  return up < 0xffffffffu ? static_cast<uint32_t>(up) : 0xffffffffu;
}

}  // namespace
}  // namespace hewn
