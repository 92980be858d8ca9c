#pragma once

#include "kernels/elementwise/abi.h"

namespace hewn {

/// f32, whole vectors at a time, blocks of elements (binary: of rows) shared out to the threads.
template <Isa I>
void unary_simd(const Launch& launch, const UnaryForward& a);
template <Isa I>
void unary_simd(const Launch& launch, const UnaryBackward& a);
template <Isa I>
void binary_simd(const Launch& launch, const Binary& a);

}  // namespace hewn
