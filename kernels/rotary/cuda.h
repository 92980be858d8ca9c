#pragma once

#include "kernels/rotary/abi.h"

namespace hewn {

/// f32 and f64. Sines and cosines of all positions first, in double, then a pair a thread.
template <Isa I>
void rotary_gpu(const Launch& launch, const Rotary& a);

}  // namespace hewn
