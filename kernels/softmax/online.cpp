#include <cmath>
#include <limits>

#include "kernels/softmax/abi.h"

namespace hewn {

// Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018), algorithm 3: when a larger
// value m' is found, the sum so far, which is relative to m, is multiplied by e^(m - m'). The sum is in
// double: a float sum of 50,257 values loses more than the rounding of each.
template <>
void kernel<"online">(const Launch&, const SoftmaxForward& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = static_cast<const float*>(a.x) + r * a.cols;
    const int64_t seen = visible(a, r);
    float most = -std::numeric_limits<float>::infinity();
    double sum = 0;
    for (int64_t i = 0; i < seen; ++i) {
      if (x[i] > most) {
        sum *= std::exp(most - x[i]);
        most = x[i];
      }
      sum += std::exp(x[i] - most);
    }
    float* y = static_cast<float*>(a.y) + r * a.cols;
    for (int64_t i = 0; i < seen; ++i) y[i] = static_cast<float>(std::exp(x[i] - most) / sum);
    for (int64_t i = seen; i < a.cols; ++i) y[i] = 0;
  }
}

}  // namespace hewn
