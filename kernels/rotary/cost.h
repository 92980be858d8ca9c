#pragma once

#include "kernels/rotary/abi.h"

namespace hewn {

/// Two products and a sum per rotated element, which is read once and written once.
inline Cost cost_of(const Rotary& a) {
  const auto rows = static_cast<double>(a.B * a.T), d = static_cast<double>(a.D);
  return {3 * rows * static_cast<double>(a.rotated) * d, (a.to_y == Write::add ? 3 : 2) * rows *
                                                             static_cast<double>(a.H) * d *
                                                             static_cast<double>(size_of(a.dtype))};
}

}  // namespace hewn
