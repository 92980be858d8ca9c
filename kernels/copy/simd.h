#pragma once

#include "kernels/copy/abi.h"

namespace hewn {

/// f32 to bf16 or back, both sides contiguous along the last dimension.
template <Isa I>
void copy_simd(const Launch& launch, const Copy& a);

}  // namespace hewn
