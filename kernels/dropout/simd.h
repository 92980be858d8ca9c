#pragma once

#include "kernels/dropout/abi.h"

namespace hewn {

/// f32, 64 elements at a time.
template <Isa I>
void dropout_simd(const Launch& launch, const Dropout& a);

}  // namespace hewn
