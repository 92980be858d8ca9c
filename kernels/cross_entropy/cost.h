#pragma once

#include "kernels/contract/contract.h"
#include "kernels/cross_entropy/abi.h"

namespace hewn {

inline Cost cost_of(const CountTargets& a) {
  const double n = static_cast<double>(a.rows);
  return {n, n * static_cast<double>(sizeof *a.targets)};
}

/// Per element: compare, subtract, exponential (counted as 8), add; one read.
inline Cost cost_of(const CrossEntropyForward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {11 * n, n * static_cast<double>(size_of(a.dtype))};
}

/// Per element: subtract, exponential, multiply; one read, one write.
inline Cost cost_of(const CrossEntropyBackward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {10 * n, (a.to_dlogits == Write::add ? 3 : 2) * n * static_cast<double>(size_of(a.dtype))};
}

/// One read; with the gradient, the arithmetic of both passes and one write.
inline Cost cost_of(const CrossEntropyFused& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {(a.gradient ? 21 : 11) * n, (a.gradient ? 2 : 1) * n * static_cast<double>(size_of(a.dtype))};
}

inline Cost cost_of(const MeanLoss& a) {
  const double n = static_cast<double>(a.rows);
  return {n, n * static_cast<double>(size_of(a.dtype))};
}

inline Needs needs_of(const CrossEntropyForward& a) { return {.exps = static_cast<double>(a.rows * a.cols)}; }
inline Needs needs_of(const CrossEntropyFused& a) {
  return {.exps = static_cast<double>((a.gradient ? 2 : 1) * a.rows * a.cols)};
}
inline Needs needs_of(const CrossEntropyBackward& a) {
  return {.exps = static_cast<double>(a.rows * a.cols)};
}

}  // namespace hewn
