#pragma once
// All kernels of this room; list.cpp arranges them in a ladder.

#include "kernels/rotary/abi.h"

namespace hewn {

/// The oracle: every angle, sine and cosine computed individually, in double, for f32, f64 and bf16.
void rotary_reference(const Launch&, const Rotary& a);

// SIMD, compiled once per instruction set.

/// The number of positions that share a table of sines and cosines; a block belongs to one thread.
inline constexpr int64_t rotary_block = 16;

template <Isa I>
void rotary_simd(const Launch& launch, const Rotary& a);

// GPUs.

/// f32, f64 and bf16. First the sines and cosines of all positions, in double, then one pair per thread.
template <Isa I>
void rotary_gpu(const Launch& launch, const Rotary& a);

}  // namespace hewn
