#pragma once

#include "kernels/softmax/abi.h"

namespace hewn {

/// Per element: subtract, exponential (counted as 8), add, multiply; one read, one write.
inline Cost cost_of(const SoftmaxForward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {11 * n, 2 * n * static_cast<double>(size_of(a.dtype))};
}

/// Per element: multiply and add for the dot product, subtract and multiply; two reads, one write.
inline Cost cost_of(const SoftmaxBackward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {4 * n, (a.to_dx == Write::add ? 4 : 3) * n * static_cast<double>(size_of(a.dtype))};
}

}  // namespace hewn
