#pragma once

#include "kernels/activation/abi.h"

namespace hewn {

/// ReLU is one operation per element, the others about 20: exponential (8), division, a few products.
inline Cost cost_of(const ActivationForward& a) {
  const auto n = static_cast<double>(a.n);
  return {(a.kind == Activation::relu ? 1 : 20) * n, 2 * n * static_cast<double>(size_of(a.dtype))};
}

inline Cost cost_of(const ActivationBackward& a) {
  const auto n = static_cast<double>(a.n);
  return {(a.kind == Activation::relu ? 1 : 25) * n,
          (a.to_dx == Write::add ? 4 : 3) * n * static_cast<double>(size_of(a.dtype))};
}

/// 20 for silu, a product; reads two, writes one.
inline Cost cost_of(const SwigluForward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {21 * n, 3 * n * static_cast<double>(size_of(a.dtype))};
}

/// 25 for silu and its slope, three products; reads three, writes what is wanted.
inline Cost cost_of(const SwigluBackward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  const auto moved = [](const void* to, Write write) {
    return to == nullptr ? 0 : write == Write::add ? 2 : 1;
  };
  const double streams = 3 + moved(a.dgate, a.to_dgate) + moved(a.dup, a.to_dup);
  return {28 * n, streams * n * static_cast<double>(size_of(a.dtype))};
}

}  // namespace hewn
