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

}  // namespace hewn
