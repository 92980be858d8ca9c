#pragma once

#include "kernels/reduce/abi.h"

namespace hewn {

/// One operation per element read.
inline Cost cost_of(const Reduce& a) {
  const double columns = static_cast<double>(a.outer) * static_cast<double>(a.inner);
  const double n = columns * static_cast<double>(a.n);
  return {n, n * static_cast<double>(size_of(a.dtype)) +
                 (a.to_y == Write::add ? 2 : 1) * columns * static_cast<double>(size_of(y_type(a)))};
}

inline Cost cost_of(const MaxBackward& a) {
  const double columns = static_cast<double>(a.outer) * static_cast<double>(a.inner);
  const double n = columns * static_cast<double>(a.n);
  return {n, ((a.to_dx == Write::add ? 3 : 2) * n + 2 * columns) * static_cast<double>(size_of(a.dtype))};
}

inline Cost cost_of(const Expand& a) {
  const double columns = static_cast<double>(a.outer) * static_cast<double>(a.inner);
  const double n = columns * static_cast<double>(a.n);
  return {n, ((a.to_y == Write::add ? 2 : 1) * n + columns) * static_cast<double>(size_of(a.dtype))};
}

}  // namespace hewn
