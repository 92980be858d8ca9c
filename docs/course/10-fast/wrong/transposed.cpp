// B was read by columns, as if it were transposed: row k, column j of B is m.b[k * m.ldb + j].
#include "hewn/rung.h"

RUNG(multiply, (const Launch&, const Product& m)) {
  for (int64_t i = 0; i < m.M; ++i)
    for (int64_t j = 0; j < m.N; ++j) {
      float sum = 0;
      for (int64_t k = 0; k < m.K; ++k) sum += m.a[i * m.lda + k] * m.b[j * m.ldb + k];
      m.c[i * m.ldc + j] = sum;
    }
}
