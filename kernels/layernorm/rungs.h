#pragma once

#include <cmath>

#include "kernels/layernorm/abi.h"

namespace hewn {

/// Teaching rungs, float only; the idea of each stands in list.cpp.
void layernorm_welford(const Launch&, const LayernormForward& a);
void layernorm_shifted(const Launch&, const LayernormForward& a);
void layernorm_by_rows(const Launch&, const LayernormBackward& a);
size_t layernorm_by_rows_scratch(const LayernormBackward& a, int threads);

/// Row r of y and of the statistics, once its mean and variance are known.
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
