#include "kernels/layernorm/rungs.h"

#include <cmath>

namespace hewn {
namespace {

void write_row(const LayernormForward& a, int64_t r, double mean, double variance) {
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

}  // namespace

// Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4 (1962):
// with delta = x_k - mean_(k-1), mean_k = mean_(k-1) + delta / k and M_k = M_(k-1) + delta (x_k - mean_k).
void layernorm_welford(const Launch&, const LayernormForward& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = static_cast<const float*>(a.x) + r * a.cols;
    double mean = 0, squares = 0;
    for (int64_t i = 0; i < a.cols; ++i) {
      const double delta = static_cast<double>(x[i]) - mean;
      mean += delta / static_cast<double>(i + 1);
      squares += delta * (static_cast<double>(x[i]) - mean);
    }
    write_row(a, r, mean, squares / static_cast<double>(a.cols));
  }
}

// Chan, Golub and LeVeque, "Algorithms for computing the sample variance", The American Statistician 37
// (1983): variance = mean(d^2) - mean(d)^2 with d = x - shift is the textbook formula, which loses all digits
// when the mean is large against the spread; not so when the shift is one of the values.
void layernorm_shifted(const Launch&, const LayernormForward& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = static_cast<const float*>(a.x) + r * a.cols;
    const double shift = static_cast<double>(x[0]), n = static_cast<double>(a.cols);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < a.cols; ++i) {
      const double d = static_cast<double>(x[i]) - shift;
      sum += d;
      squares += d * d;
    }
    write_row(a, r, shift + sum / n, squares / n - sum / n * (sum / n));
  }
}

size_t layernorm_by_rows_scratch(const LayernormBackward& a, int) {
  return 2 * static_cast<size_t>(a.cols) * sizeof(double);
}

void layernorm_by_rows(const Launch& launch, const LayernormBackward& a) {
  const auto *x = static_cast<const float*>(a.x), *weight = static_cast<const float*>(a.weight);
  const auto* dy = static_cast<const float*>(a.dy);
  auto *dx = static_cast<float*>(a.dx), *dweight = static_cast<float*>(a.dweight);
  auto* dbias = static_cast<float*>(a.dbias);
  double *weight_sums = static_cast<double*>(launch.scratch), *bias_sums = weight_sums + a.cols;
  for (int64_t i = 0; i < 2 * a.cols; ++i) weight_sums[i] = 0;
  for (int64_t r = 0; r < a.rows; ++r, x += a.cols, dy += a.cols, dx += dx ? a.cols : 0) {
    const double mean = a.stats[2 * r], rstd = a.stats[2 * r + 1];
    double mean_g = 0, mean_gn = 0;
    for (int64_t i = 0; i < a.cols; ++i) {
      const double n = (static_cast<double>(x[i]) - mean) * rstd, d = static_cast<double>(dy[i]);
      mean_g += d * static_cast<double>(weight[i]);
      mean_gn += d * static_cast<double>(weight[i]) * n;
      weight_sums[i] += d * n;
      bias_sums[i] += d;
    }
    mean_g /= static_cast<double>(a.cols);
    mean_gn /= static_cast<double>(a.cols);
    for (int64_t i = 0; dx && i < a.cols; ++i) {
      const double g = static_cast<double>(dy[i]) * static_cast<double>(weight[i]);
      const double n = (static_cast<double>(x[i]) - mean) * rstd;
      dx[i] = (a.to_dx == Write::add ? dx[i] : 0) + static_cast<float>(rstd * (g - mean_g - n * mean_gn));
    }
  }
  for (int64_t i = 0; i < a.cols; ++i) {
    if (dweight)
      dweight[i] = (a.to_dweight == Write::add ? dweight[i] : 0) + static_cast<float>(weight_sums[i]);
    if (dbias) dbias[i] = (a.to_dbias == Write::add ? dbias[i] : 0) + static_cast<float>(bias_sums[i]);
  }
}

}  // namespace hewn
