#pragma once

#include "kernels/matmul/abi.h"

namespace hewn {

/// 2 M N K per matrix; each operand is read once; the result is written once, and read once if added to. Sums of B
/// are computed from what is read anyway.
inline Cost cost_of(const Matmul& a) {
  const auto M = static_cast<double>(a.M), N = static_cast<double>(a.N), K = static_cast<double>(a.K);
  const double batch = static_cast<double>(a.outer) * static_cast<double>(a.inner);
  const double results = 1 + (a.to_c == Write::add ? 1 : 0) + (a.epilogue.pre ? 1 : 0) +
                         (a.epilogue.slope_at ? 1 : 0) + (a.epilogue.residual ? 1 : 0);
  const auto element = static_cast<double>(size_of(a.dtype));
  const double of_c = a.dtype == DType::bf16 && !a.bf16_c ? sizeof(float) : element;
  const double sums = a.b_sums ? 1 : 0;
  return {2 * batch * M * N * K + sums * K * N,
          batch * ((M * K + K * N) * element + results * M * N * of_c) + sums * N * sizeof(float)};
}

}  // namespace hewn
