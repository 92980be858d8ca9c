#include "kernels/norm/lessons.h"

namespace hewn {

// Chan, Golub and LeVeque, "Algorithms for computing the sample variance", The American Statistician 37
// (1983): variance = mean(d^2) - mean(d)^2 with d = x - shift. This textbook formula loses all digits if the
// mean is large compared with the spread, but not if the shift is one of the values.
template <>
void kernel<"shifted">(const Launch&, const LayernormForward& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = static_cast<const float*>(a.x) + r * a.cols;
    const double shift = static_cast<double>(x[0]), n = static_cast<double>(a.cols);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < a.cols; ++i) {
      const double d = static_cast<double>(x[i]) - shift;
      sum += d;
      squares += d * d;
    }
    write_normalized(a, r, shift + sum / n, squares / n - sum / n * (sum / n));
  }
}

}  // namespace hewn
