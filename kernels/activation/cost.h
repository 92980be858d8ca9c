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

}  // namespace hewn
