#pragma once

#include "kernels/rmsnorm/abi.h"

namespace hewn {

/// Per element: multiply and add for the mean square; two multiplications for y. One read, one write.
inline Cost cost_of(const RmsnormForward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {4 * n, n * static_cast<double>(size_of(a.dtype) + size_of(a.y_dtype))};
}

/// Per element: n, g, a sum (2), dx (3), dweight (2). Reads x and dy, writes dx.
inline Cost cost_of(const RmsnormBackward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  const size_t of_x = a.dx == nullptr ? 1 : a.to_dx == Write::add ? 3 : 2;
  return {9 * n, n * static_cast<double>(of_x * size_of(a.dtype) + size_of(a.y_dtype))};
}

}  // namespace hewn
