#pragma once

#include "kernels/activation/abi.h"
#include "kernels/contract/contract.h"

namespace hewn {

/// Reads x, writes y.
inline Cost cost_of(const ActivationForward& a) {
  const auto n = static_cast<double>(a.n);
  return {row_of(a.kind).value_operations * n, 2 * n * static_cast<double>(size_of(a.dtype))};
}

/// Reads dy and, to compute a derivative, x.
inline Cost cost_of(const ActivationBackward& a) {
  const auto n = static_cast<double>(a.n);
  const double moved = (a.kind == Activation::none ? 2 : 3) + (a.to_dx == Write::add ? 1 : 0);
  return {(row_of(a.kind).slope_operations + (a.to_dx == Write::add ? 1 : 0)) * n,
          moved * n * static_cast<double>(size_of(a.dtype))};
}

/// 20 for silu, plus a product; reads two arrays, writes one.
inline Cost cost_of(const SwigluForward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {21 * n, 3 * n * static_cast<double>(size_of(a.dtype))};
}

/// 25 for silu and its derivative, plus three products; reads three arrays, writes the requested ones.
inline Cost cost_of(const SwigluBackward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  const auto moved = [](const void* to, Write write) {
    return to == nullptr ? 0 : write == Write::add ? 2 : 1;
  };
  const double streams = 3 + moved(a.dgate, a.to_dgate) + moved(a.dup, a.to_dup);
  return {28 * n, streams * n * static_cast<double>(size_of(a.dtype))};
}

inline Needs needs_of(const ActivationForward& a) {
  return {.exps = row_of(a.kind).exponential ? static_cast<double>(a.n) : 0};
}
inline Needs needs_of(const ActivationBackward& a) {
  return {.exps = row_of(a.kind).exponential ? static_cast<double>(a.n) : 0};
}
inline Needs needs_of(const SwigluForward& a) { return {.exps = static_cast<double>(a.rows * a.cols)}; }
inline Needs needs_of(const SwigluBackward& a) { return {.exps = static_cast<double>(a.rows * a.cols)}; }

}  // namespace hewn
