#include "kernels/softmax/abi.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/contract/reference.h"

namespace hewn {
namespace {

template <class T>
void forward(const SoftmaxForward& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const Doubles<T> x{static_cast<const T*>(a.x) + r * a.cols};
    T* y = static_cast<T*>(a.y) + r * a.cols;
    const int64_t seen = visible(a, r);
    double most = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t i = 0; i < seen; ++i) most = std::max(most, x[i]);  // skips NaN
    for (int64_t i = 0; i < seen; ++i) sum += std::exp(x[i] - most);
    for (int64_t i = 0; i < seen; ++i) y[i] = static_cast<T>(std::exp(x[i] - most) / sum);
    for (int64_t i = seen; i < a.cols; ++i) y[i] = 0;
  }
}

template <class T>
void backward(const SoftmaxBackward& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const Doubles<T> y{static_cast<const T*>(a.y) + r * a.cols};
    const Doubles<T> dy{static_cast<const T*>(a.dy) + r * a.cols};
    T* dx = static_cast<T*>(a.dx) + r * a.cols;
    const int64_t seen = visible(a, r);
    double dot = 0;
    for (int64_t i = 0; i < seen; ++i) dot += dy[i] * y[i];
    for (int64_t i = 0; i < a.cols; ++i) put(dx[i], i < seen ? y[i] * (dy[i] - dot) : 0, a.to_dx);
  }
}

}  // namespace

template <>
void kernel<"reference">(const Launch&, const SoftmaxForward& a) {
  a.dtype == DType::f64 ? forward<double>(a) : forward<float>(a);
}

template <>
void kernel<"reference">(const Launch&, const SoftmaxBackward& a) {
  a.dtype == DType::f64 ? backward<double>(a) : backward<float>(a);
}

}  // namespace hewn
