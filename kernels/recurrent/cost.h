#pragma once

#include "kernels/contract/contract.h"
#include "kernels/recurrent/abi.h"

namespace hewn {

/// Five curves of 10 operations and 4 more per unit; reads the sums and c, writes gates, c and h.
inline Cost cost_of(const LstmForward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {54 * n, (a.c_before ? 11 : 10) * n * static_cast<double>(size_of(a.dtype))};
}

/// One curve and about 22 more operations per unit; reads gates, both c, dh and dc, writes dx and dc_before.
inline Cost cost_of(const LstmBackward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {32 * n, ((a.c_before ? 1 : 0) + (a.dc ? 1 : 0) + 11) * n * static_cast<double>(size_of(a.dtype))};
}

inline Needs needs_of(const LstmForward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {.exps = 3 * n, .tanhs = 2 * n};
}
inline Needs needs_of(const LstmBackward& a) {
  return {.tanhs = static_cast<double>(a.rows) * static_cast<double>(a.cols)};
}

}  // namespace hewn
