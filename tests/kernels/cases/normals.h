#pragma once

#include "core/tensor.h"
#include "kernels/devices/devices.h"
#include "tests/support/random.h"

namespace hewn {

/// Normally distributed numbers in f64.
inline Tensor normals(test::Random& random, const Shape& shape) {
  return Tensor::from(cpu(), random.normals<double>(shape.numel()), shape);
}

}  // namespace hewn
