#include "kernels/log_softmax/kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hewn {
namespace {

template <class T>
void forward(const LogSoftmaxForward& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const T* x = static_cast<const T*>(a.x) + r * a.cols;
    T* y = static_cast<T*>(a.y) + r * a.cols;
    double most = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t i = 0; i < a.cols; ++i) most = std::max(most, static_cast<double>(x[i]));  // passes NaN over
    for (int64_t i = 0; i < a.cols; ++i) sum += std::exp(static_cast<double>(x[i]) - most);
    for (int64_t i = 0; i < a.cols; ++i)
      y[i] = static_cast<T>((static_cast<double>(x[i]) - most) - std::log(sum));
  }
}

template <class T>
void backward(const LogSoftmaxBackward& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const T* y = static_cast<const T*>(a.y) + r * a.cols;
    const T* dy = static_cast<const T*>(a.dy) + r * a.cols;
    T* dx = static_cast<T*>(a.dx) + r * a.cols;
    double sum = 0;
    for (int64_t i = 0; i < a.cols; ++i) sum += static_cast<double>(dy[i]);
    for (int64_t i = 0; i < a.cols; ++i) {
      const double g = static_cast<double>(dy[i]) - std::exp(static_cast<double>(y[i])) * sum;
      dx[i] = static_cast<T>(a.to_dx == Write::add ? static_cast<double>(dx[i]) + g : g);
    }
  }
}

}  // namespace

void log_softmax_reference(const Launch&, const LogSoftmaxForward& a) {
  a.dtype == DType::f64 ? forward<double>(a) : forward<float>(a);
}

void log_softmax_reference(const Launch&, const LogSoftmaxBackward& a) {
  a.dtype == DType::f64 ? backward<double>(a) : backward<float>(a);
}

}  // namespace hewn
