#pragma once

#include "kernels/contract/contract.h"
#include "kernels/elementwise/abi.h"

namespace hewn {

/// exp, log, tanh and sigmoid count as 10 operations, the others as one.
inline Cost cost_of(const UnaryForward& a) {
  const auto n = static_cast<double>(a.n);
  const bool simple = a.op == UnaryOp::scale || a.op == UnaryOp::add_scalar || a.op == UnaryOp::sqrt;
  return {(simple ? 1 : 10) * n, (a.to_y == Write::add ? 3 : 2) * n * static_cast<double>(size_of(a.dtype))};
}

inline Cost cost_of(const UnaryBackward& a) {
  const auto n = static_cast<double>(a.n);
  return {3 * n, (a.to_dx == Write::add ? 4 : 3) * n * static_cast<double>(size_of(a.dtype))};
}

/// Every element of y, a and b once.
inline Cost cost_of(const Binary& a) {
  double n = 1, n_a = 1, n_b = 1;
  for (int i = 0; i < a.rank; ++i) {
    const auto size = static_cast<double>(a.shape[i]);
    n *= size;
    if (a.a_stride[i] != 0) n_a *= size;
    if (a.b_stride[i] != 0) n_b *= size;
  }
  return {n, ((a.to_y == Write::add ? 2 : 1) * n + n_a) * static_cast<double>(size_of(a.dtype)) +
                 n_b * static_cast<double>(size_of(a.b_dtype))};
}

inline Needs needs_of(const UnaryForward& a) {
  const auto n = static_cast<double>(a.n);
  const bool exponential = a.op == UnaryOp::exp || a.op == UnaryOp::sigmoid;
  return {.exps = exponential ? n : 0, .tanhs = a.op == UnaryOp::tanh ? n : 0};
}

}  // namespace hewn
