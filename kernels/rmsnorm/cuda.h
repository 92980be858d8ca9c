#pragma once

#include "kernels/rmsnorm/abi.h"

namespace hewn {

/// f32 and f64, rows of any length: a block a row.
template <Isa I>
void rmsnorm_block_gpu(const Launch& launch, const RmsnormForward& a);
template <Isa I>
void rmsnorm_block_gpu(const Launch& launch, const RmsnormBackward& a);

/// f32 and rows that held_rows_only takes: a warp a row, or for long ones a block, in registers.
template <Isa I>
void rmsnorm_gpu(const Launch& launch, const RmsnormForward& a);
/// Scratch: column_sum_bytes(rows, cols, 1).
template <Isa I>
void rmsnorm_gpu(const Launch& launch, const RmsnormBackward& a);

}  // namespace hewn
