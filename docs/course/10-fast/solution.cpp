#include "hewn/rung.h"

constexpr int rows = 6, wide = 2 * W;  // of a tile: 12 vectors of sums, which do not wait for each other

// A tile of C, `count` rows from c on and `cols` columns. Its sums stay in registers for all of k.
static void tile(const Product& m, const float* a, const float* panel, float* c, int64_t count, int64_t cols) {
  const float* row[rows];  // of A; the tile's rows beyond the last one repeat it, and are not stored
  for (int i = 0; i < rows; ++i) row[i] = a + std::min<int64_t>(i, count - 1) * m.lda;
  vf sum[rows][2] = {};
  for (int64_t k = 0; k < m.K; ++k) {
    const vf left = load(panel + k * wide), right = load(panel + k * wide + W);
    for (int i = 0; i < rows; ++i) {
      sum[i][0] = fma(set1(row[i][k]), left, sum[i][0]);
      sum[i][1] = fma(set1(row[i][k]), right, sum[i][1]);
    }
  }
  for (int i = 0; i < count; ++i) {
    store_part(c + i * m.ldc, sum[i][0], std::min<int64_t>(cols, W));
    if (cols > W) store_part(c + i * m.ldc + W, sum[i][1], cols - W);
  }
}

// A thread computes whole rows of tiles, so that no sum is divided. Tiles below each other use the same columns of B,
// which it copies side by side; whatever stands beyond the last column is not stored.
RUNG(multiply, (const Launch& launch, const Product& m)) {
  parallel_for(launch, (m.M + rows - 1) / rows, [&](int64_t begin, int64_t end, int) {
    std::vector<float> panel(static_cast<size_t>(m.K * wide));
    for (int64_t j = 0; j < m.N; j += wide) {
      const int64_t cols = std::min<int64_t>(wide, m.N - j);
      for (int64_t k = 0; k < m.K; ++k) std::copy_n(m.b + k * m.ldb + j, cols, panel.data() + k * wide);
      for (int64_t i = rows * begin; i < std::min(rows * end, m.M); i += rows)
        tile(m, m.a + i * m.lda, panel.data(), m.c + i * m.ldc + j, std::min<int64_t>(rows, m.M - i), cols);
    }
  });
}
