#pragma once

#include "kernels/rmsnorm/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for f32 and f64.
void rmsnorm_reference(const Launch&, const RmsnormForward& a);
void rmsnorm_reference(const Launch&, const RmsnormBackward& a);

}  // namespace hewn
