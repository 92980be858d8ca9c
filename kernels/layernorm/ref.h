#pragma once

#include "kernels/layernorm/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for f32 and f64.
void layernorm_reference(const Launch&, const LayernormForward& a);
void layernorm_reference(const Launch&, const LayernormBackward& a);

}  // namespace hewn
