#pragma once

#include "kernels/elementwise/abi.h"

namespace hewn {

/// f32 and f64: one thread for each sixteen bytes of a row without gaps, one for each element of a stretched
/// operand.
template <Isa I>
void unary_gpu(const Launch& launch, const UnaryForward& a);
template <Isa I>
void unary_gpu(const Launch& launch, const UnaryBackward& a);
template <Isa I>
void binary_gpu(const Launch& launch, const Binary& a);

}  // namespace hewn
