#pragma once
// All kernels of this room; list.cpp arranges them in ladders.

#include "kernels/rmsnorm/abi.h"
#include "kernels/simd/row_blocks.h"

namespace hewn {

/// The oracle: plain loops in double, for all types.
void rmsnorm_reference(const Launch&, const RmsnormForward& a);
void rmsnorm_reference(const Launch&, const RmsnormBackward& a);

// SIMD, compiled once per instruction set.

template <Isa I>
void rmsnorm_simd(const Launch& launch, const RmsnormForward& a);
template <Isa I>
void rmsnorm_backward_simd(const Launch& launch, const RmsnormBackward& a);

// GPUs.

/// All types, rows of any length: one block per row.
template <Isa I>
void rmsnorm_block_gpu(const Launch& launch, const RmsnormForward& a);
template <Isa I>
void rmsnorm_block_gpu(const Launch& launch, const RmsnormBackward& a);

/// All types but f64, rows that held_norms_only accepts: one warp per row, or one block for long rows, in
/// registers.
template <Isa I>
void rmsnorm_gpu(const Launch& launch, const RmsnormForward& a);
/// Scratch: column_sum_bytes(rows, cols, 1).
template <Isa I>
void rmsnorm_gpu(const Launch& launch, const RmsnormBackward& a);

}  // namespace hewn
