#pragma once

#include "kernels/log_softmax/abi.h"

namespace hewn {

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
