#pragma once

#include "kernels/optimizer/abi.h"

namespace hewn {

/// AdamW: about 14 operations per parameter; w, m, v are read and written, g is read, a bf16 copy written.
inline Cost cost_of(const ParameterUpdate& a) {
  const bool sgd = a.rule == UpdateRule::sgd;
  const double n = static_cast<double>(a.n), copy = a.w_bf16 ? 2 * static_cast<double>(a.n_decayed) : 0;
  return {(sgd ? 7 : 14) * n, (sgd ? 5 : 7) * n * static_cast<double>(size_of(a.dtype)) + copy};
}

/// w is read, bf16 written; one addition each, not counting the random words.
inline Cost cost_of(const StochasticRounding& a) {
  const auto n = static_cast<double>(a.n);
  return {n, 6 * n};
}

}  // namespace hewn
