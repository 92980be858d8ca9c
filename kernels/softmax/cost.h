#pragma once

#include "kernels/contract/contract.h"
#include "kernels/softmax/abi.h"

namespace hewn {

/// The number of unmasked elements: under a causal mask a row has (queries - 1) / 2 fewer on average.
template <class Args>
double seen_elements(const Args& a) {
  const double hidden = a.queries == 0 ? 0 : static_cast<double>(a.queries - 1) / 2;
  return static_cast<double>(a.rows) * (static_cast<double>(a.cols) - hidden);
}

/// Per element: subtract, exponential (counted as 8), add, multiply; one read, one write.
inline Cost cost_of(const SoftmaxForward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols), seen = seen_elements(a);
  return {11 * seen, (seen + n) * static_cast<double>(size_of(a.dtype))};
}

/// Per element: multiply and add for the dot product, subtract and multiply; two reads, one write.
inline Cost cost_of(const SoftmaxBackward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols), seen = seen_elements(a);
  const double moved = a.to_dx == Write::add ? 4 * seen : 2 * seen + n;
  return {4 * seen, moved * static_cast<double>(size_of(a.dtype))};
}

inline Needs needs_of(const SoftmaxForward& a) { return {.exps = seen_elements(a)}; }

}  // namespace hewn
