// C holds old numbers at first, and the products were added to them: set each row to 0 before you add, or keep the sum
// elsewhere and set C once.
#include "hewn/rung.h"

RUNG(multiply, (const Launch&, const Product& m)) {
  for (int64_t i = 0; i < m.M; ++i)
    for (int64_t k = 0; k < m.K; ++k)
      for (int64_t j = 0; j < m.N; ++j) m.c[i * m.ldc + j] += m.a[i * m.lda + k] * m.b[k * m.ldb + j];
}
