#pragma once
// All kernels of this room; list.cpp arranges them in ladders.

#include "kernels/elementwise/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for f32, f64 and bf16.
void unary_reference(const Launch&, const UnaryForward& a);
void unary_reference(const Launch&, const UnaryBackward& a);
void binary_reference(const Launch&, const Binary& a);

// SIMD, compiled once per instruction set.

/// f32, whole vectors at a time, blocks of elements (binary: of rows) divided among threads.
template <Isa I>
void unary_simd(const Launch& launch, const UnaryForward& a);
template <Isa I>
void unary_simd(const Launch& launch, const UnaryBackward& a);
template <Isa I>
void binary_simd(const Launch& launch, const Binary& a);

// GPUs.

/// f32, f64 and bf16: one thread per sixteen bytes of a row without gaps, one per element of a broadcast operand.
template <Isa I>
void unary_gpu(const Launch& launch, const UnaryForward& a);
template <Isa I>
void unary_gpu(const Launch& launch, const UnaryBackward& a);
template <Isa I>
void binary_gpu(const Launch& launch, const Binary& a);

}  // namespace hewn
