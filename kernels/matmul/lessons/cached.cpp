#include <algorithm>

#include "kernels/matmul/lessons/lessons.h"

namespace hewn {

// Cache blocking. The previous rung passes over all of B for every row of A: a B of several megabytes comes
// from memory M times. Cut k and j so that a block of B fits a near cache, and process all rows of A with one
// block before moving to the next: B comes from memory once. The price is that C is read and written once per
// block along k. It is small, and still in a near cache.
template <>
void kernel<"cached">(const Launch&, const Matmul& m) {
  const Floats f(m);
  if (m.to_c == Write::set)
    for (int64_t i = 0; i < m.M; ++i) std::fill_n(f.c + i * m.ldc, m.N, 0.0f);
  for (int64_t k0 = 0; k0 < m.K; k0 += lesson_k) {
    for (int64_t j0 = 0; j0 < m.N; j0 += lesson_cols) {
      const int64_t k1 = std::min(k0 + lesson_k, m.K), cols = std::min(lesson_cols, m.N - j0);
      for (int64_t i = 0; i < m.M; ++i) {
        float* c = f.c + i * m.ldc + j0;
        for (int64_t k = k0; k < k1; ++k) {
          const float x = f.alpha * f.a[i * m.lda + k];
          const float* b = f.b + k * m.ldb + j0;
          for (int64_t j = 0; j < cols; ++j) c[j] += x * b[j];
        }
      }
    }
  }
}

}  // namespace hewn
