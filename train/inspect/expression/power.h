#pragma once
// Powers in formulas, for bases and exponents of any sign.

#include "core/tensor.h"

namespace hewn {

/// base ^ exponent by element, broadcast by NumPy's rule; both f64 on the CPU and contiguous. x^0 is 1 for every x. An element
/// is NaN where the power is not a real number, infinite where it divides by 0; so are gradients where there is none.
Tensor power(const Tensor& base, const Tensor& exponent);

}  // namespace hewn
