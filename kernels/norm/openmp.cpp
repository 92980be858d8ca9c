#include "kernels/norm/lessons.h"

namespace hewn {

// The reference's passes with the pragmas of a textbook. `parallel for` divides the rows among threads; `simd
// reduction(+)` keeps a partial sum in each lane of a vector, so that additions need not wait for each other.
// This changes the order of a sum, but lanes are determined by the compiler and not by threads, so the result
// has the same bits for any number of threads.
// This is where the pragmas end. The sums are in double, and a vector of any x86-64 holds two of them. The
// next rung sums in float, corrects the mean in its second pass, and uses the widest vectors.
template <>
void kernel<"openmp">(const Launch& launch, const LayernormForward& a) {
#pragma omp parallel for num_threads(launch.threads) schedule(static)
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = static_cast<const float*>(a.x) + r * a.cols;
    double sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < a.cols; ++i) sum += static_cast<double>(x[i]);
    const double n = static_cast<double>(a.cols), mean = sum / n;
#pragma omp simd reduction(+ : squares)
    for (int64_t i = 0; i < a.cols; ++i) {
      const double d = static_cast<double>(x[i]) - mean;
      squares += d * d;
    }
    write_normalized(a, r, mean, squares / n);
  }
}

}  // namespace hewn
