#pragma once

#include "kernels/dropout/abi.h"

namespace hewn {

/// Ten Philox rounds of about 10 integer operations yield four elements; then a comparison and a product.
inline Cost cost_of(const Dropout& a) {
  const auto n = static_cast<double>(a.n);
  return {27 * n, (a.to_y == Write::add ? 3 : 2) * n * static_cast<double>(size_of(a.dtype))};
}

}  // namespace hewn
