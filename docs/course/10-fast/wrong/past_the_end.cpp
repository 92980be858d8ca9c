// A whole vector was stored where a row has fewer numbers left, over what follows it: store only those with store_part.
#include "hewn/rung.h"

RUNG(multiply, (const Launch&, const Product& m)) {
  for (int64_t i = 0; i < m.M; ++i)
    for (int64_t j = 0; j < m.N; j += W) {
      vf sum = {};
      for (int64_t k = 0; k < m.K; ++k)
        sum = fma(set1(m.a[i * m.lda + k]), load_part(m.b + k * m.ldb + j, std::min<int64_t>(m.N - j, W)), sum);
      store(m.c + i * m.ldc + j, sum);
    }
}
