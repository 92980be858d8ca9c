#pragma once
// All kernels of this room; list.cpp arranges them in ladders.

#include "kernels/recurrent/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for f32 and f64.
void lstm_reference(const Launch&, const LstmForward& a);
void lstm_reference(const Launch&, const LstmBackward& a);

/// SIMD, compiled once per instruction set: f32, whole vectors of units, blocks of rows divided among threads.
template <Isa I>
void lstm_simd(const Launch& launch, const LstmForward& a);
template <Isa I>
void lstm_simd(const Launch& launch, const LstmBackward& a);

/// GPUs: f32 and f64, one unit of one sequence per thread.
template <Isa I>
void lstm_gpu(const Launch& launch, const LstmForward& a);
template <Isa I>
void lstm_gpu(const Launch& launch, const LstmBackward& a);

}  // namespace hewn
