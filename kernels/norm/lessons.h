#pragma once
// Shared by the rungs that each teach one way to compute mean and variance.

#include <cmath>

#include "kernels/norm/abi.h"

namespace hewn {

/// Writes row r of y and of the statistics from its mean and variance.
inline void write_normalized(const LayernormForward& a, int64_t r, double mean, double variance) {
  const auto *x = static_cast<const float*>(a.x) + r * a.cols, *weight = static_cast<const float*>(a.weight);
  const auto* bias = static_cast<const float*>(a.bias);
  auto* y = static_cast<float*>(a.y) + r * a.cols;
  const double rstd = 1 / std::sqrt(variance + a.eps);
  for (int64_t i = 0; i < a.cols; ++i) {
    const auto n = static_cast<float>((static_cast<double>(x[i]) - mean) * rstd);
    y[i] = n * weight[i] + (bias ? bias[i] : 0);
  }
  a.stats[2 * r] = mean;
  a.stats[2 * r + 1] = rstd;
}

}  // namespace hewn
