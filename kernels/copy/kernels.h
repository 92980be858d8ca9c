#pragma once
// All kernels of this room; list.cpp arranges them in a ladder.

#include "kernels/copy/abi.h"

namespace hewn {

/// The oracle: nested loops over the dimensions, one element at a time.
void copy_reference(const Launch&, const Copy& a);

/// Whole rows if both sides are contiguous along the last dimension, else tiles.
void copy_rows_and_tiles(const Launch& launch, const Copy& a);

// SIMD, compiled once per instruction set.

/// f32 to bf16 or back, both sides contiguous along the last dimension.
template <Isa I>
void copy_simd(const Launch& launch, const Copy& a);

// GPUs.

/// All types. If both sides have no gaps, sixteen bytes per thread (between f32 and bf16 too), else one
/// element per thread.
template <Isa I>
void copy_gpu(const Launch& launch, const Copy& a);

}  // namespace hewn
