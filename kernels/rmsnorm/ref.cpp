#include "kernels/rmsnorm/kernels.h"

#include <cmath>

#include "kernels/contract/reference.h"

namespace hewn {
namespace {

template <class T>
void forward(const RmsnormForward& a) {
  const Doubles<T> x{a.x}, weight{a.weight};
  for (int64_t r = 0; r < a.rows; ++r) {
    const int64_t row = r * a.cols;
    double squares = 0;
    for (int64_t i = 0; i < a.cols; ++i) squares += x[row + i] * x[row + i];
    a.rstd[r] = 1 / std::sqrt(squares / static_cast<double>(a.cols) + a.eps);
    for (int64_t i = 0; i < a.cols; ++i) put<T>(a.y, row + i, x[row + i] * a.rstd[r] * weight[i], Write::set);
  }
}

template <class T>
void backward(const RmsnormBackward& a) {
  const Doubles<T> x{a.x}, weight{a.weight}, dy{a.dy};
  for (int64_t r = 0; a.dx && r < a.rows; ++r) {
    const int64_t row = r * a.cols;
    double mean_gn = 0;
    for (int64_t i = 0; i < a.cols; ++i)
      mean_gn += dy[row + i] * weight[i] * x[row + i] * a.rstd[r] / static_cast<double>(a.cols);
    for (int64_t i = 0; i < a.cols; ++i) {
      const double g = dy[row + i] * weight[i], n = x[row + i] * a.rstd[r];
      put<T>(a.dx, row + i, a.rstd[r] * (g - n * mean_gn), a.to_dx);
    }
  }
  for (int64_t i = 0; a.dweight && i < a.cols; ++i) {
    double sum = 0;
    for (int64_t r = 0; r < a.rows; ++r) sum += dy[r * a.cols + i] * x[r * a.cols + i] * a.rstd[r];
    put<T>(a.dweight, i, sum, a.to_dweight);
  }
}

}  // namespace

void rmsnorm_reference(const Launch&, const RmsnormForward& a) {
  a.dtype == DType::f64 ? forward<double>(a) : forward<float>(a);
}

void rmsnorm_reference(const Launch&, const RmsnormBackward& a) {
  a.dtype == DType::f64 ? backward<double>(a) : backward<float>(a);
}

}  // namespace hewn
