#include "kernels/norm/lessons.h"

namespace hewn {

// Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4 (1962):
// with delta = x_k - mean_(k-1), mean_k = mean_(k-1) + delta / k and M_k = M_(k-1) + delta (x_k - mean_k).
template <>
void kernel<"welford">(const Launch&, const LayernormForward& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = static_cast<const float*>(a.x) + r * a.cols;
    double mean = 0, squares = 0;
    for (int64_t i = 0; i < a.cols; ++i) {
      const double delta = static_cast<double>(x[i]) - mean;
      mean += delta / static_cast<double>(i + 1);
      squares += delta * (static_cast<double>(x[i]) - mean);
    }
    write_normalized(a, r, mean, squares / static_cast<double>(a.cols));
  }
}

}  // namespace hewn
