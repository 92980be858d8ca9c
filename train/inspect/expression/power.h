#pragma once
// Powers in formulas, for bases and exponents of any sign.

#include "core/tensor.h"

namespace hewn {

/// base ^ exponent by element, broadcast by NumPy's rule; both f64 on the CPU and contiguous. x^0 is 1 for
/// every x. An element is NaN if the power is not a real number, and infinite if it divides by 0; gradients
/// likewise.
Tensor power(const Tensor& base, const Tensor& exponent);

}  // namespace hewn
