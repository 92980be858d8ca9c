#pragma once

#include "kernels/global_norm/abi.h"

namespace hewn {

/// One multiply-add and one read per element.
inline Cost cost_of(const BlockSquares& a) {
  const auto n = static_cast<double>(a.n);
  return {2 * n, n * static_cast<double>(size_of(a.dtype))};
}

inline Cost cost_of(const GlobalNorm& a) {
  const auto n = static_cast<double>(a.n_blocks);
  return {n, n * sizeof(double)};
}

inline Cost cost_of(const StepLoss& a) { return {2, 2 * static_cast<double>(size_of(a.dtype))}; }

}  // namespace hewn
