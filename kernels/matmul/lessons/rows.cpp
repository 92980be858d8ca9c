#include <algorithm>

#include "kernels/matmul/lessons/lessons.h"

namespace hewn {

// Order of loops. A dot product walks down a column of b: every step lands in another cache line, and uses
// 4 of its 64 bytes. With k in the middle the innermost loop walks along a row of b and a row of c instead:
// every byte that is fetched is used, and neighbouring elements can be computed side by side in one vector,
// which compilers see by themselves. The arithmetic is the same.
void matmul_rows(const Launch&, const Matmul& m) {
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
