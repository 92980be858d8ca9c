#pragma once
// All kernels of this room; list.cpp has the ladder they form.

#include "kernels/elementwise/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for f32 and f64.
void unary_reference(const Launch&, const UnaryForward& a);
void unary_reference(const Launch&, const UnaryBackward& a);
void binary_reference(const Launch&, const Binary& a);

// Vectors, compiled once per instruction set.

/// f32, whole vectors at a time, blocks of elements (binary: of rows) shared out to the threads.
template <Isa I>
void unary_simd(const Launch& launch, const UnaryForward& a);
template <Isa I>
void unary_simd(const Launch& launch, const UnaryBackward& a);
template <Isa I>
void binary_simd(const Launch& launch, const Binary& a);

// GPUs.

/// f32 and f64: one thread for each sixteen bytes of a row without gaps, one for each element of a stretched
/// operand.
template <Isa I>
void unary_gpu(const Launch& launch, const UnaryForward& a);
template <Isa I>
void unary_gpu(const Launch& launch, const UnaryBackward& a);
template <Isa I>
void binary_gpu(const Launch& launch, const Binary& a);

}  // namespace hewn
