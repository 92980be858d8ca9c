#include "kernels/softmax/kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/softmax/visible.h"

namespace hewn {
namespace {

template <class T>
void forward(const SoftmaxForward& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const T* x = static_cast<const T*>(a.x) + r * a.cols;
    T* y = static_cast<T*>(a.y) + r * a.cols;
    const int64_t seen = visible(a, r);
    double most = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t i = 0; i < seen; ++i) most = std::max(most, static_cast<double>(x[i]));  // skips NaN
    for (int64_t i = 0; i < seen; ++i) sum += std::exp(static_cast<double>(x[i]) - most);
    for (int64_t i = 0; i < seen; ++i)
      y[i] = static_cast<T>(std::exp(static_cast<double>(x[i]) - most) / sum);
    for (int64_t i = seen; i < a.cols; ++i) y[i] = 0;
  }
}

template <class T>
void backward(const SoftmaxBackward& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const T* y = static_cast<const T*>(a.y) + r * a.cols;
    const T* dy = static_cast<const T*>(a.dy) + r * a.cols;
    T* dx = static_cast<T*>(a.dx) + r * a.cols;
    const int64_t seen = visible(a, r);
    double dot = 0;
    for (int64_t i = 0; i < seen; ++i) dot += static_cast<double>(dy[i]) * static_cast<double>(y[i]);
    for (int64_t i = 0; i < a.cols; ++i) {
      const double g = i < seen ? static_cast<double>(y[i]) * (static_cast<double>(dy[i]) - dot) : 0;
      dx[i] = static_cast<T>(a.to_dx == Write::add ? static_cast<double>(dx[i]) + g : g);
    }
  }
}

}  // namespace

void softmax_reference(const Launch&, const SoftmaxForward& a) {
  a.dtype == DType::f64 ? forward<double>(a) : forward<float>(a);
}

void softmax_reference(const Launch&, const SoftmaxBackward& a) {
  a.dtype == DType::f64 ? backward<double>(a) : backward<float>(a);
}

}  // namespace hewn
