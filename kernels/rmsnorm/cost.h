#pragma once

#include "kernels/norm/cost.h"
#include "kernels/rmsnorm/abi.h"

namespace hewn {

/// Per element: multiply and add for the mean square; two multiplications for y.
inline Cost cost_of(const RmsnormForward& a) { return cost_of_norm(a, 4); }

/// Per element: n, g, a sum (2), dx (3), dweight (2).
inline Cost cost_of(const RmsnormBackward& a) { return cost_of_norm(a, 9); }

}  // namespace hewn
