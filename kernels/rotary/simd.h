#pragma once

#include "kernels/rotary/abi.h"

namespace hewn {

/// How many positions share a table of sines and cosines: one block is one thread's.
inline constexpr int64_t rotary_block = 16;

template <Isa I>
void rotary_simd(const Launch& launch, const Rotary& a);

}  // namespace hewn
