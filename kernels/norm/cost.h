#pragma once

#include "kernels/norm/abi.h"

namespace hewn {

/// Costs of norms with so many operations per element. Forward: one read, one write. Backward: reads x and dy, writes dx.
template <class A>
Cost cost_of_norm(const A& a, double flops) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  size_t of_x = 1;
  if constexpr (requires { a.dx; })
    if (a.dx) of_x = a.to_dx == Write::add ? 3 : 2;
  return {flops * n, n * static_cast<double>(of_x * size_of(a.dtype) + size_of(a.y_dtype))};
}

/// Per element: add for the mean; subtract, multiply and add for the variance; multiply and add twice for y.
inline Cost cost_of(const LayernormForward& a) { return cost_of_norm(a, 8); }

/// Per element: n (2), g, two sums (3), dx (5), dweight (2), dbias (1).
inline Cost cost_of(const LayernormBackward& a) { return cost_of_norm(a, 14); }

}  // namespace hewn
