#include <cmath>
#include <limits>

#include "kernels/softmax/abi.h"

namespace hewn {

// An exponential takes longer than a store and a load: each is computed once and stored in y until the sum is
// known, and n divisions become one division and n products. The sum is in double: a float sum of 50,257
// values loses more than the rounding of each.
template <>
void kernel<"stored">(const Launch&, const SoftmaxForward& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = static_cast<const float*>(a.x) + r * a.cols;
    float* y = static_cast<float*>(a.y) + r * a.cols;
    const int64_t seen = visible(a, r);
    float most = -std::numeric_limits<float>::infinity();
    double sum = 0;
    for (int64_t i = 0; i < seen; ++i) most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < seen; ++i) sum += y[i] = std::exp(x[i] - most);
    const auto scale = static_cast<float>(1 / sum);
    for (int64_t i = 0; i < seen; ++i) y[i] *= scale;
    for (int64_t i = seen; i < a.cols; ++i) y[i] = 0;
  }
}

}  // namespace hewn
