#pragma once

#include "kernels/contract/contract.h"
#include "kernels/log_softmax/abi.h"

namespace hewn {

/// Per element: compare, subtract, exponential (counted as 8), add, subtract; one read, one write.
inline Cost cost_of(const LogSoftmaxForward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {12 * n, 2 * n * static_cast<double>(size_of(a.dtype))};
}

/// Per element: add, exponential, multiply, subtract; two reads, one write.
inline Cost cost_of(const LogSoftmaxBackward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {11 * n, (a.to_dx == Write::add ? 4 : 3) * n * static_cast<double>(size_of(a.dtype))};
}

inline Needs needs_of(const LogSoftmaxForward& a) { return {.exps = static_cast<double>(a.rows * a.cols)}; }
inline Needs needs_of(const LogSoftmaxBackward& a) { return {.exps = static_cast<double>(a.rows * a.cols)}; }

}  // namespace hewn
