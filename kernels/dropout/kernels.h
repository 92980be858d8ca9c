#pragma once
// All kernels of this room; list.cpp arranges them in a ladder.

#include "kernels/dropout/abi.h"

namespace hewn {

/// Whether element i is kept.
bool dropout_keeps(const Dropout& a, int64_t i);

/// The oracle: one element at a time, for f32, f64 and bf16.
void dropout_reference(const Launch&, const Dropout& a);

/// The same, elements divided among threads.
void dropout_parallel(const Launch& launch, const Dropout& a);

// SIMD, compiled once per instruction set.

/// f32, 64 elements at a time.
template <Isa I>
void dropout_simd(const Launch& launch, const Dropout& a);

// GPUs.

/// f32, f64 and bf16: one Philox block per thread, for four elements.
template <Isa I>
void dropout_gpu(const Launch& launch, const Dropout& a);

}  // namespace hewn
