#pragma once

#include "kernels/matmul/abi.h"

namespace hewn {

/// The oracle and the first rung: a dot product in double per element, for f32 and f64.
void matmul_reference(const Launch&, const Matmul& a);

}  // namespace hewn
