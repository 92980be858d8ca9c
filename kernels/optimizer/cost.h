#pragma once

#include "kernels/optimizer/abi.h"

namespace hewn {

/// AdamW: about 14 operations per parameter; w, m, v are read and written, g is read.
inline Cost cost_of(const ParameterUpdate& a) {
  const double n = static_cast<double>(a.n), bytes = static_cast<double>(size_of(a.dtype));
  return a.rule == UpdateRule::sgd ? Cost{7 * n, 5 * n * bytes} : Cost{14 * n, 7 * n * bytes};
}

}  // namespace hewn
