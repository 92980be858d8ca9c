#pragma once

#include "kernels/rotary/abi.h"

namespace hewn {

/// The oracle: every angle, sine and cosine for itself, in double, for f32 and f64.
void rotary_reference(const Launch&, const Rotary& a);

}  // namespace hewn
