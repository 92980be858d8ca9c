#include <cmath>

#include "kernels/contract/reference.h"
#include "kernels/norm/abi.h"

namespace hewn {
namespace {

/// X and Y: elements of x and y. T: elements of the parameters.
template <class X, class Y, class T, bool centred>
void forward(const NormForward<centred>& a) {
  const Doubles<X> x{a.x};
  const Doubles<T> weight{a.weight}, bias{a.bias};
  const double n = static_cast<double>(a.cols);
  double* stats = a.stats;
  for (int64_t r = 0; r < a.rows; ++r) {
    const int64_t row = r * a.cols;
    double mean = 0, variance = 0;
    for (int64_t i = 0; centred && i < a.cols; ++i) mean += x[row + i];
    mean /= n;
    for (int64_t i = 0; i < a.cols; ++i) variance += (x[row + i] - mean) * (x[row + i] - mean);
    const double rstd = 1 / std::sqrt(variance / n + a.eps);
    for (int64_t i = 0; i < a.cols; ++i) {
      double y = (x[row + i] - mean) * rstd * weight[i];
      if constexpr (centred) y += a.bias ? bias[i] : 0;
      put<Y>(a.y, row + i, y, Write::set);
    }
    if constexpr (centred) *stats++ = mean;
    *stats++ = rstd;
  }
}

/// Mean (0 for rmsnorm) and rstd of a row.
struct RowStats {
  double mean = 0, rstd;
};
template <bool centred>
RowStats stats_of(const NormBackward<centred>& a, int64_t r) {
  if constexpr (centred) return {a.stats[2 * r], a.stats[2 * r + 1]};
  return {.rstd = a.stats[r]};
}

template <class X, class Y, class T, bool centred>
void backward_x(const NormBackward<centred>& a) {
  const Doubles<X> x{a.x};
  const Doubles<Y> dy{a.dy};
  const Doubles<T> weight{a.weight};
  for (int64_t r = 0; r < a.rows; ++r) {
    const int64_t row = r * a.cols;
    const auto [mean, rstd] = stats_of(a, r);
    double mean_g = 0, mean_gn = 0;
    for (int64_t i = 0; i < a.cols; ++i) {
      const double g = dy[row + i] * weight[i];
      if constexpr (centred) mean_g += g / static_cast<double>(a.cols);
      mean_gn += g * (x[row + i] - mean) * rstd / static_cast<double>(a.cols);
    }
    for (int64_t i = 0; i < a.cols; ++i) {
      const double g = dy[row + i] * weight[i], n = (x[row + i] - mean) * rstd;
      put<X>(a.dx, row + i, rstd * (g - mean_g - n * mean_gn), a.to_dx);
    }
  }
}

template <class X, class Y, class T, bool centred>
void backward(const NormBackward<centred>& a) {
  const Doubles<X> x{a.x};
  const Doubles<Y> dy{a.dy};
  if (a.dx) backward_x<X, Y, T>(a);
  for (int64_t i = 0; i < a.cols; ++i) {
    double dweight = 0, dbias = 0;
    for (int64_t r = 0; r < a.rows; ++r) {
      const int64_t at = r * a.cols + i;
      const auto [mean, rstd] = stats_of(a, r);
      dweight += dy[at] * (x[at] - mean) * rstd;
      if constexpr (centred) dbias += dy[at];
    }
    if (a.dweight) put<T>(a.dweight, i, dweight, a.to_dweight);
    if (a.dbias) put<T>(a.dbias, i, dbias, a.to_dbias);
  }
}

template <class A>
void with_types(const A& a) {
  with_norm_types<BFloat16>(a, [&]<class X, class Y, class T>() {
    if constexpr (requires { a.dy; })
      backward<X, Y, T>(a);
    else
      forward<X, Y, T>(a);
  });
}

}  // namespace

template <>
void kernel<"reference">(const Launch&, const LayernormForward& a) {
  with_types(a);
}
template <>
void kernel<"reference">(const Launch&, const RmsnormForward& a) {
  with_types(a);
}
template <>
void kernel<"reference">(const Launch&, const LayernormBackward& a) {
  with_types(a);
}
template <>
void kernel<"reference">(const Launch&, const RmsnormBackward& a) {
  with_types(a);
}

}  // namespace hewn
