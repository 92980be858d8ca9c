// Two threads add to the same elements of C, and one may overwrite what the other has just added: divide the rows of C
// among the threads, not the products of a sum, so that each element has one thread.
#include "hewn/rung.h"

RUNG(multiply, (const Launch& launch, const Product& m)) {
  for (int64_t i = 0; i < m.M; ++i) std::fill_n(m.c + i * m.ldc, m.N, 0.0f);
  parallel_for(launch, m.K, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = 0; i < m.M; ++i)
      for (int64_t k = begin; k < end; ++k)
        for (int64_t j = 0; j < m.N; ++j) m.c[i * m.ldc + j] += m.a[i * m.lda + k] * m.b[k * m.ldb + j];
  });
}
