#include <algorithm>

#include "kernels/matmul/lessons/lessons.h"

namespace hewn {

// Two lines of OpenMP, as every textbook has them. `parallel for` deals out the rows of C, so on n cores the
// rung `rows` runs up to n times as fast. `simd` states that the iterations of the inner loop do not depend
// on each other, so the compiler may compute neighbours in one vector. The sum of an element belongs to one
// thread and keeps its order, so the result has the same bits for any number of threads; a `reduction(+)`
// over the threads would not.
// This is where the pragmas end. Every step of k still loads and stores a vector of C, every row still reads
// all of B, and vectors are those of any x86-64, since this file is compiled once. The next rungs change
// which data is where, and no pragma does that.
template <>
void kernel<"openmp">(const Launch& launch, const Matmul& m) {
  const Floats f(m);
#pragma omp parallel for num_threads(launch.threads) schedule(static)
  for (int64_t i = 0; i < m.M; ++i) {
    float* c = f.c + i * m.ldc;
    if (m.to_c == Write::set) std::fill_n(c, m.N, 0.0f);
    for (int64_t k = 0; k < m.K; ++k) {
      const float x = f.alpha * f.a[i * m.lda + k];
      const float* b = f.b + k * m.ldb;
#pragma omp simd
      for (int64_t j = 0; j < m.N; ++j) c[j] += x * b[j];
    }
  }
}

}  // namespace hewn
