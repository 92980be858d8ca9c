#pragma once

#include "kernels/elementwise/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for f32 and f64.
void unary_reference(const Launch&, const UnaryForward& a);
void unary_reference(const Launch&, const UnaryBackward& a);
void binary_reference(const Launch&, const Binary& a);

}  // namespace hewn
