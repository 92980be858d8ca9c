// The edges are missing: the sizes need not be multiples of the tile, so the last rows and columns need tiles with
// fewer of them.
#include "hewn/rung.h"

RUNG(multiply, (const Launch&, const Product& m)) {
  for (int64_t i = 0; i + 2 <= m.M; i += 2)
    for (int64_t j = 0; j + W <= m.N; j += W) {
      vf sum[2] = {};
      for (int64_t k = 0; k < m.K; ++k)
        for (int r = 0; r < 2; ++r)
          sum[r] = fma(set1(m.a[(i + r) * m.lda + k]), load(m.b + k * m.ldb + j), sum[r]);
      for (int r = 0; r < 2; ++r) store(m.c + (i + r) * m.ldc + j, sum[r]);
    }
}
