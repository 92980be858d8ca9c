#include <cmath>
#include <limits>

#include "kernels/softmax/abi.h"

namespace hewn {

// The rung `stored` with the pragmas of a textbook. `parallel for` divides the rows among threads. `simd` on
// the loops along a row permits something that the compiler may not do by itself: `reduction` keeps a partial
// maximum or sum in each lane of a vector, which changes the order of a sum. Lanes are determined by the
// compiler and not by threads, so the result has the same bits for any number of threads.
// This is where the pragmas end. An exponential is still a call of the C library, one element at a time;
// no pragma replaces it. Vectors are those of any x86-64, and each of the four loops along a row starts
// when the previous one has finished. The next rung has its own exponential, uses the widest vectors,
// and overlaps loops.
template <>
void kernel<"openmp">(const Launch& launch, const SoftmaxForward& a) {
#pragma omp parallel for num_threads(launch.threads) schedule(static)
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = static_cast<const float*>(a.x) + r * a.cols;
    float* y = static_cast<float*>(a.y) + r * a.cols;
    const int64_t seen = visible(a, r);
    float most = -std::numeric_limits<float>::infinity();
    double sum = 0;
#pragma omp simd reduction(max : most)
    for (int64_t i = 0; i < seen; ++i) most = x[i] > most ? x[i] : most;
#pragma omp simd
    for (int64_t i = 0; i < seen; ++i) y[i] = std::exp(x[i] - most);
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < seen; ++i) sum += static_cast<double>(y[i]);
    const auto scale = static_cast<float>(1 / sum);
#pragma omp simd
    for (int64_t i = 0; i < seen; ++i) y[i] *= scale;
    for (int64_t i = seen; i < a.cols; ++i) y[i] = 0;
  }
}

}  // namespace hewn
