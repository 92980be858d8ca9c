// Each thread adds up its part of a sum, so the sum is rounded in other places with another number of threads: let one
// thread compute all of an element, or cut the sum into pieces of a fixed size.
#include "hewn/rung.h"

RUNG(multiply, (const Launch& launch, const Product& m)) {
  std::vector<std::vector<float>> parts(static_cast<size_t>(launch.threads));
  parallel_for(launch, m.K, [&](int64_t begin, int64_t end, int worker) {
    std::vector<float>& part = parts[static_cast<size_t>(worker)];
    part.assign(static_cast<size_t>(m.M * m.N), 0.0f);
    for (int64_t i = 0; i < m.M; ++i)
      for (int64_t k = begin; k < end; ++k)
        for (int64_t j = 0; j < m.N; ++j)
          part[static_cast<size_t>(i * m.N + j)] += m.a[i * m.lda + k] * m.b[k * m.ldb + j];
  });
  for (int64_t i = 0; i < m.M; ++i)
    for (int64_t j = 0; j < m.N; ++j) {
      float sum = 0;
      for (const std::vector<float>& part : parts)
        if (!part.empty()) sum += part[static_cast<size_t>(i * m.N + j)];
      m.c[i * m.ldc + j] = sum;
    }
}
