#pragma once
// All kernels of this room; list.cpp arranges them in ladders.

#include "kernels/softmax/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for f32 and f64.
void softmax_reference(const Launch&, const SoftmaxForward& a);
void softmax_reference(const Launch&, const SoftmaxBackward& a);

// Lessons.

/// Teaching rungs, float only; list.cpp states the idea of each.
void softmax_online(const Launch&, const SoftmaxForward& a);
void softmax_stored(const Launch&, const SoftmaxForward& a);
void softmax_openmp(const Launch& launch, const SoftmaxForward& a);

// SIMD, compiled once per instruction set.

template <Isa I>
void softmax_simd(const Launch& launch, const SoftmaxForward& a);
template <Isa I>
void softmax_backward_simd(const Launch& launch, const SoftmaxBackward& a);

// GPUs.

/// The ladder for GPUs; a comment above each kernel explains its idea. The first two support f32 and f64 and
/// rows of any length; the last f32 and rows that held_rows_only accepts.
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
