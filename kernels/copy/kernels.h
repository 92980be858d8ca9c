#pragma once
// All kernels of this room; list.cpp has the ladder they form.

#include "kernels/copy/abi.h"

namespace hewn {

/// The oracle: nested loops over the dimensions, one element at a time.
void copy_reference(const Launch&, const Copy& a);

/// Whole rows where both sides are contiguous along the last dimension, else tiles.
void copy_rows_and_tiles(const Launch& launch, const Copy& a);

// Vectors, compiled once per instruction set.

/// f32 to bf16 or back, both sides contiguous along the last dimension.
template <Isa I>
void copy_simd(const Launch& launch, const Copy& a);

// GPUs.

/// All types. Without gaps on both sides sixteen bytes a thread (between f32 and bf16 too), else an element a
/// thread.
template <Isa I>
void copy_gpu(const Launch& launch, const Copy& a);

}  // namespace hewn
