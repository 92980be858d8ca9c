#include "kernels/rmsnorm/abi.h"

#include <cmath>

#include "kernels/contract/reference.h"
#include "kernels/norm/types.h"

namespace hewn {
namespace {

/// X and Y: elements of x and y. T: elements of the parameters.
template <class X, class Y, class T>
void forward(const RmsnormForward& a) {
  const Doubles<X> x{a.x};
  const Doubles<T> weight{a.weight};
  for (int64_t r = 0; r < a.rows; ++r) {
    const int64_t row = r * a.cols;
    double squares = 0;
    for (int64_t i = 0; i < a.cols; ++i) squares += x[row + i] * x[row + i];
    a.rstd[r] = 1 / std::sqrt(squares / static_cast<double>(a.cols) + a.eps);
    for (int64_t i = 0; i < a.cols; ++i) put<Y>(a.y, row + i, x[row + i] * a.rstd[r] * weight[i], Write::set);
  }
}

template <class X, class Y, class T>
void backward(const RmsnormBackward& a) {
  const Doubles<X> x{a.x};
  const Doubles<Y> dy{a.dy};
  const Doubles<T> weight{a.weight};
  for (int64_t r = 0; a.dx && r < a.rows; ++r) {
    const int64_t row = r * a.cols;
    double mean_gn = 0;
    for (int64_t i = 0; i < a.cols; ++i)
      mean_gn += dy[row + i] * weight[i] * x[row + i] * a.rstd[r] / static_cast<double>(a.cols);
    for (int64_t i = 0; i < a.cols; ++i) {
      const double g = dy[row + i] * weight[i], n = x[row + i] * a.rstd[r];
      put<X>(a.dx, row + i, a.rstd[r] * (g - n * mean_gn), a.to_dx);
    }
  }
  for (int64_t i = 0; a.dweight && i < a.cols; ++i) {
    double sum = 0;
    for (int64_t r = 0; r < a.rows; ++r) sum += dy[r * a.cols + i] * x[r * a.cols + i] * a.rstd[r];
    put<T>(a.dweight, i, sum, a.to_dweight);
  }
}

}  // namespace

template <>
void kernel<"reference">(const Launch&, const RmsnormForward& a) {
  with_norm_types<BFloat16>(a, [&]<class X, class Y, class T>() { forward<X, Y, T>(a); });
}

template <>
void kernel<"reference">(const Launch&, const RmsnormBackward& a) {
  with_norm_types<BFloat16>(a, [&]<class X, class Y, class T>() { backward<X, Y, T>(a); });
}

}  // namespace hewn
