#pragma once
// All kernels of this room; list.cpp has the ladder they form.

#include "kernels/rotary/abi.h"

namespace hewn {

/// The oracle: every angle, sine and cosine for itself, in double, for f32 and f64.
void rotary_reference(const Launch&, const Rotary& a);

// Vectors, compiled once per instruction set.

/// How many positions share a table of sines and cosines: one block is one thread's.
inline constexpr int64_t rotary_block = 16;

template <Isa I>
void rotary_simd(const Launch& launch, const Rotary& a);

// GPUs.

/// f32 and f64. Sines and cosines of all positions first, in double, then a pair a thread.
template <Isa I>
void rotary_gpu(const Launch& launch, const Rotary& a);

}  // namespace hewn
