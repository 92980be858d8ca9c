#pragma once

#include "kernels/softmax/abi.h"

namespace hewn {

/// The ladder for GPUs, the idea of each above its kernel. The first two do f32 and f64, rows of any length;
/// the last f32 and rows that held_rows_only takes.
template <Isa I>
void softmax_thread_gpu(const Launch& launch, const SoftmaxForward& a);
template <Isa I>
void softmax_block_gpu(const Launch& launch, const SoftmaxForward& a);
template <Isa I>
void softmax_gpu(const Launch& launch, const SoftmaxForward& a);

template <Isa I>
void softmax_block_gpu(const Launch& launch, const SoftmaxBackward& a);
template <Isa I>
void softmax_gpu(const Launch& launch, const SoftmaxBackward& a);

}  // namespace hewn
