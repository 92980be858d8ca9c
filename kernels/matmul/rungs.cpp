#include "kernels/matmul/rungs.h"

#include <algorithm>

namespace hewn {
namespace {

void clear(const Matmul& m, float* c) {
  if (m.to_c == Write::set)
    for (int64_t i = 0; i < m.M; ++i) std::fill_n(c + i * m.ldc, m.N, 0.0f);
}

}  // namespace

const char* lesson_only(const Matmul& a) {
  const Epilogue& e = a.epilogue;
  if (a.dtype != DType::f32) return "f32 only";
  if (a.trans_a || a.trans_b) return "nothing transposed";
  if (a.outer * a.inner != 1) return "one product at a time";
  if (e.bias || e.pre || e.residual || e.activation != Activation::none) return "no epilogue";
  return nullptr;
}

// Order of loops. A dot product walks down a column of b: every step lands in another cache line, and uses
// 4 of its 64 bytes. With k in the middle the innermost loop walks along a row of b and a row of c instead:
// every byte that is fetched is used, and neighbouring elements can be computed side by side in one vector,
// which compilers see by themselves. The arithmetic is the same.
void matmul_rows(const Launch&, const Matmul& m) {
  const Floats f(m);
  clear(m, f.c);
  for (int64_t i = 0; i < m.M; ++i) {
    for (int64_t k = 0; k < m.K; ++k) {
      const float x = f.alpha * f.a[i * m.lda + k];
      const float* b = f.b + k * m.ldb;
      float* c = f.c + i * m.ldc;
      for (int64_t j = 0; j < m.N; ++j) c[j] += x * b[j];
    }
  }
}

// Blocks. Above, all of b passes by for every row of a; once b is larger than a cache, it comes from memory
// M times. Cut b into blocks that fit (here 64 x 256 floats, 64 KiB) and take all rows of a past one block
// before the next is touched: memory is read once, the M passes find the block in cache.
void matmul_blocked(const Launch&, const Matmul& m) {
  constexpr int64_t block_k = 64, block_n = 256;
  const Floats f(m);
  clear(m, f.c);
  for (int64_t k0 = 0; k0 < m.K; k0 += block_k) {
    for (int64_t j0 = 0; j0 < m.N; j0 += block_n) {
      const int64_t k1 = std::min(k0 + block_k, m.K), j1 = std::min(j0 + block_n, m.N);
      for (int64_t i = 0; i < m.M; ++i) {
        for (int64_t k = k0; k < k1; ++k) {
          const float x = f.alpha * f.a[i * m.lda + k];
          for (int64_t j = j0; j < j1; ++j) f.c[i * m.ldc + j] += x * f.b[k * m.ldb + j];
        }
      }
    }
  }
}

}  // namespace hewn
