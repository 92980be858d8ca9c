#include "kernels/matmul/lessons/lessons.h"
#include "kernels/simd/vec.h"

namespace hewn {
namespace {

constexpr int chains = 8;

/// One row of C: `vectors` vectors from c on, the last with n elements.
template <int vectors>
HEWN_INLINE void row_of_sums(const Matmul& m, const float* a, const float* b, float* c, float alpha,
                             int64_t n) {
  vf sum[vectors] = {};
  for (int64_t k = 0; k < m.K; ++k, b += m.ldb) {
    const vf x = set1(a[k]);
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v)
      sum[v] = fma(x, v < vectors - 1 ? load(b + v * W) : load_part(b + v * W, n), sum[v]);
  }
#pragma GCC unroll 8
  for (int v = 0; v < vectors; ++v) {
    const int64_t lanes = v < vectors - 1 ? W : n;
    sum[v] *= alpha;
    store_part(c + v * W, m.to_c == Write::set ? sum[v] : load_part(c + v * W, lanes) + sum[v], lanes);
  }
}

}  // namespace

// Independent sums. Eight vectors of one row of C are summed side by side: while one addition is in flight,
// seven others can start, and the latency is hidden. An element of A, once in a register, serves eight
// multiply-adds, and k walks over eight adjacent cache lines instead of one. Now each multiply-add needs one
// load of B, and load ports are the bottleneck.
template <>
void kernel<"chains", Isa::HEWN_ISA>(const Launch&, const Matmul& m) {
  const Floats f(m);
  for (int64_t i = 0; i < m.M; ++i) {
    const float* a = f.a + i * m.lda;
    float* c = f.c + i * m.ldc;
    int64_t j = 0;
    for (; j + chains * W <= m.N; j += chains * W) row_of_sums<chains>(m, a, f.b + j, c + j, f.alpha, W);
    for (; j < m.N; j += W) row_of_sums<1>(m, a, f.b + j, c + j, f.alpha, at_most(m.N - j, W));
  }
}

}  // namespace hewn
