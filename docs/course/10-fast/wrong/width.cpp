// Rows were taken to follow each other without a gap: a row begins lda, ldb or ldc numbers after the previous one,
// which may be more than it has.
#include "hewn/rung.h"

RUNG(multiply, (const Launch&, const Product& m)) {
  for (int64_t i = 0; i < m.M; ++i)
    for (int64_t j = 0; j < m.N; ++j) {
      float sum = 0;
      for (int64_t k = 0; k < m.K; ++k) sum += m.a[i * m.K + k] * m.b[k * m.N + j];
      m.c[i * m.N + j] = sum;
    }
}
