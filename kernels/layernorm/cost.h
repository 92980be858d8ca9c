#pragma once

#include "kernels/layernorm/abi.h"

namespace hewn {

/// Per element: add for the mean; subtract, multiply and add for the variance; multiply and add twice for y.
/// One read, one write.
inline Cost cost_of(const LayernormForward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {8 * n, n * static_cast<double>(size_of(a.dtype) + size_of(a.y_dtype))};
}

/// Per element: n (2), g, two sums (3), dx (5), dweight (2), dbias (1). Reads x and dy, writes dx.
inline Cost cost_of(const LayernormBackward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  const size_t of_x = a.dx == nullptr ? 1 : a.to_dx == Write::add ? 3 : 2;
  return {14 * n, n * static_cast<double>(of_x * size_of(a.dtype) + size_of(a.y_dtype))};
}

}  // namespace hewn
