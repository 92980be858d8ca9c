#pragma once
// All kernels of this room; list.cpp arranges them in ladders.

#include "kernels/global_norm/abi.h"

namespace hewn {

/// The oracles: sequential sums, for f32 and f64.
void block_squares_reference(const Launch&, const BlockSquares& a);
void global_norm_reference(const Launch&, const GlobalNorm& a);
void step_loss_reference(const Launch&, const StepLoss& a);

/// SIMD, compiled once per instruction set. f32 and f64.
template <Isa I>
void block_squares_simd(const Launch& launch, const BlockSquares& a);

// GPUs. f32 and f64.

template <Isa I>
void block_squares_gpu(const Launch& launch, const BlockSquares& a);

template <Isa I>
void global_norm_gpu(const Launch& launch, const GlobalNorm& a);

template <Isa I>
void step_loss_gpu(const Launch& launch, const StepLoss& a);

}  // namespace hewn
