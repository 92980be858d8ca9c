#pragma once
// All kernels of this room; list.cpp arranges them in ladders.

#include "kernels/cross_entropy/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for every type.
void cross_entropy_reference(const Launch&, const CountTargets& a);
void cross_entropy_reference(const Launch&, const CrossEntropyForward& a);
void cross_entropy_reference(const Launch&, const CrossEntropyBackward& a);
void cross_entropy_reference(const Launch&, const CrossEntropyFused& a);
void cross_entropy_reference(const Launch&, const MeanLoss& a);

// Lessons.

/// Teaching rung, float only; list.cpp states its idea.
void cross_entropy_online(const Launch&, const CrossEntropyForward& a);

// SIMD, compiled once per instruction set.

template <Isa I>
void cross_entropy_simd(const Launch& launch, const CrossEntropyForward& a);
template <Isa I>
void cross_entropy_fused_simd(const Launch& launch, const CrossEntropyFused& a);
template <Isa I>
void cross_entropy_backward_simd(const Launch& launch, const CrossEntropyBackward& a);

// GPUs.

/// Rows of any length.
template <Isa I>
void cross_entropy_gpu(const Launch& launch, const CountTargets& a);
template <Isa I>
void cross_entropy_gpu(const Launch& launch, const CrossEntropyForward& a);
template <Isa I>
void cross_entropy_gpu(const Launch& launch, const CrossEntropyBackward& a);
template <Isa I>
void cross_entropy_gpu(const Launch& launch, const CrossEntropyFused& a);
template <Isa I>
void cross_entropy_gpu(const Launch& launch, const MeanLoss& a);

}  // namespace hewn
