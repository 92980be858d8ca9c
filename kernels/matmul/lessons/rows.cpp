#include <algorithm>

#include "kernels/matmul/lessons/lessons.h"

namespace hewn {

// Loop order. A dot product walks down a column of B: every step touches another cache line and uses 4 of its
// 64 bytes. With k as the middle loop, the inner loop walks along a row of B and a row of C instead. Every
// byte fetched is used, and adjacent elements can be computed side by side in one vector, which compilers do
// on their own. The arithmetic is unchanged.
template <>
void kernel<"rows">(const Launch&, const Matmul& m) {
  const Floats f(m);
  for (int64_t i = 0; i < m.M; ++i) {
    float* c = f.c + i * m.ldc;
    if (m.to_c == Write::set) std::fill_n(c, m.N, 0.0f);
    for (int64_t k = 0; k < m.K; ++k) {
      const float x = f.alpha * f.a[i * m.lda + k];
      const float* b = f.b + k * m.ldb;
      for (int64_t j = 0; j < m.N; ++j) c[j] += x * b[j];
    }
  }
}

}  // namespace hewn
