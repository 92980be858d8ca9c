#pragma once

#include "kernels/roof/functions.h"

namespace hewn {

/// y[i] = f(x[i]) for n elements, a multiple of 64.
template <Isa I>
void roof_function(MathFunction f, const float* x, float* y, int64_t n);

}  // namespace hewn
