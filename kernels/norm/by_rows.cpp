#include "kernels/norm/abi.h"

namespace hewn {

// The reference walks down every column for dweight and dbias and touches a cache line per element. Here the
// sums of all columns are accumulated side by side, and rows are read in memory order: twice for dx, and the
// first of these passes also serves the columns.
template <>
void kernel<"by_rows">(const Launch& launch, const LayernormBackward& a) {
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
