#pragma once

#include "kernels/copy/abi.h"

namespace hewn {

/// No arithmetic is counted: every element of x is read once, and every element of y is written once.
inline Cost cost_of(const Copy& a) {
  double n = 1, n_x = 1;
  for (int i = 0; i < a.rank; ++i) {
    n *= static_cast<double>(a.shape[i]);
    if (a.x_stride[i] != 0) n_x *= static_cast<double>(a.shape[i]);
  }
  const double write = (a.to_y == Write::add ? 2 : 1) * static_cast<double>(size_of(a.to));
  return {a.to_y == Write::add ? n : 0, n_x * static_cast<double>(size_of(a.from)) + n * write};
}

}  // namespace hewn
