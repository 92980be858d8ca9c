#pragma once
// All kernels of this room; list.cpp has the ladder they form.

#include "kernels/log_softmax/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for f32 and f64.
void log_softmax_reference(const Launch&, const LogSoftmaxForward& a);
void log_softmax_reference(const Launch&, const LogSoftmaxBackward& a);

// Vectors, compiled once per instruction set.

template <Isa I>
void log_softmax_simd(const Launch& launch, const LogSoftmaxForward& a);
template <Isa I>
void log_softmax_backward_simd(const Launch& launch, const LogSoftmaxBackward& a);

// GPUs.

/// f32 and f64, rows of any length: a block a row, read twice.
template <Isa I>
void log_softmax_block_gpu(const Launch& launch, const LogSoftmaxForward& a);
template <Isa I>
void log_softmax_block_gpu(const Launch& launch, const LogSoftmaxBackward& a);

/// f32 and rows that held_rows_only takes: a warp a row, or for long ones a block, in registers.
template <Isa I>
void log_softmax_gpu(const Launch& launch, const LogSoftmaxForward& a);
template <Isa I>
void log_softmax_gpu(const Launch& launch, const LogSoftmaxBackward& a);

}  // namespace hewn
