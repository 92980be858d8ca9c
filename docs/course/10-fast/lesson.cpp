#include "hewn/rung.h"

// C = A B. A has M rows of K numbers, B has K rows of N, and C gets M rows of N. They are pointers:
//   m.a[i * m.lda + k]   row i, column k of A; a row begins m.lda numbers after the previous one
//   m.b[k * m.ldb + j]   row k, column j of B
//   m.c[i * m.ldc + j]   row i, column j of C; set every one, and read none that you have not set
//
// These loops are right and slow. Make them pass the rung `cached`, then `tiles`:
//   vf x = set1(2.0f)               a vector of W numbers, all of them 2
//   load(p), store(p, x)            the W numbers from the pointer p on
//   load_part(p, n), store_part(p, x, n)   only the first n of them, n <= W
//   fma(x, y, z)                    x * y + z, W at a time
//   parallel_for(launch, n, [&](int64_t begin, int64_t end, int) { ... })
//                                   the items begin to end - 1 of n, other items on other threads
RUNG(multiply, (const Launch& launch, const Product& m)) {
  for (int64_t i = 0; i < m.M; ++i)
    for (int64_t j = 0; j < m.N; ++j) {
      float sum = 0;
      for (int64_t k = 0; k < m.K; ++k) sum += m.a[i * m.lda + k] * m.b[k * m.ldb + j];
      m.c[i * m.ldc + j] = sum;
    }
}
