#pragma once

#include "kernels/layernorm/abi.h"

namespace hewn {

/// Per element: add for the mean; subtract, multiply and add for the variance; multiply and add twice for y.
/// One read, one write.
inline Cost cost_of(const LayernormForward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {8 * n, 2 * n * static_cast<double>(size_of(a.dtype))};
}

/// Per element: n (2), g, two sums (3), dx (5), dweight (2), dbias (1). Reads x and dy, writes dx.
inline Cost cost_of(const LayernormBackward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  const double moved = a.dx == nullptr ? 2 : a.to_dx == Write::add ? 4 : 3;
  return {14 * n, moved * n * static_cast<double>(size_of(a.dtype))};
}

}  // namespace hewn
