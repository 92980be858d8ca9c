#pragma once

#include "kernels/layernorm/abi.h"

namespace hewn {

/// The ladder for GPUs, the idea of each above its kernel. `thread` and `block` do f32 and f64, rows of any
/// length; the others f32 and rows that held_rows_only takes.
template <Isa I>
void layernorm_thread_gpu(const Launch& launch, const LayernormForward& a);
template <Isa I>
void layernorm_block_gpu(const Launch& launch, const LayernormForward& a);
template <Isa I>
void layernorm_gpu(const Launch& launch, const LayernormForward& a);

template <Isa I>
void layernorm_block_gpu(const Launch& launch, const LayernormBackward& a);
/// Scratch: column_sum_bytes(rows, cols, 2).
template <Isa I>
void layernorm_gpu(const Launch& launch, const LayernormBackward& a);

}  // namespace hewn
