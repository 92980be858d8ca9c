#pragma once

#include "kernels/global_norm/abi.h"

namespace hewn {

/// One multiply-add and one read per element.
inline Cost cost_of(const GlobalNorm& a) {
  double n = 0;
  for (int i = 0; i < a.n_spans; ++i) n += static_cast<double>(a.spans[i].n);
  return {2 * n, n * static_cast<double>(size_of(a.dtype))};
}

inline Cost cost_of(const StepLoss& a) { return {2, 2 * static_cast<double>(size_of(a.dtype))}; }

}  // namespace hewn
