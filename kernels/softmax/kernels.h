#pragma once
// All kernels of this room; list.cpp has the ladder they form.

#include "kernels/softmax/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for f32 and f64.
void softmax_reference(const Launch&, const SoftmaxForward& a);
void softmax_reference(const Launch&, const SoftmaxBackward& a);

// Lessons.

/// Teaching rungs, float only; the idea of each stands in list.cpp.
void softmax_online(const Launch&, const SoftmaxForward& a);
void softmax_stored(const Launch&, const SoftmaxForward& a);
void softmax_openmp(const Launch& launch, const SoftmaxForward& a);

// Vectors, compiled once per instruction set.

template <Isa I>
void softmax_simd(const Launch& launch, const SoftmaxForward& a);
template <Isa I>
void softmax_backward_simd(const Launch& launch, const SoftmaxBackward& a);

// GPUs.

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
