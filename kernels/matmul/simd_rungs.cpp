#include "kernels/matmul/rungs.h"

#include "kernels/matmul/tile.h"

namespace hewn {
namespace {

/// The columns from j on.
void vectors_from(const Matmul& m, int64_t j) {
  const Floats f(m);
  for (; j < m.N; j += W) {
    const int64_t n = m.N - j < W ? m.N - j : W;
    for (int64_t i = 0; i < m.M; ++i) {
      vf sum{};
      for (int64_t k = 0; k < m.K; ++k)
        sum = fma(set1(f.a[i * m.lda + k]), load_part(f.b + k * m.ldb + j, n), sum);
      float* c = f.c + i * m.ldc + j;
      const vf y = f.alpha * sum;
      store_part(c, m.to_c == Write::add ? load_part(c, n) + y : y, n);
    }
  }
}

}  // namespace

// Vectors. A vector of c stays in a register while k runs, one fused multiply-add per step: c is written once
// instead of K times. But each addition waits for the one before it (4 cycles or so), and every one needs a
// load of b: the arithmetic units, which could start one or two per cycle, are mostly idle.
template <>
void matmul_vectors<Isa::HEWN_ISA>(const Launch&, const Matmul& m) {
  vectors_from(m, 0);
}

// Register tiles. Keep 8 rows times 3 vectors of c in 24 registers (fewer where there are 16): 24 sums that
// need not wait for each other, and each vector of b that is loaded serves 8 of them, each element of a 3.
// Now the units are busy every cycle as long as a and b come from a near cache: what the production kernel
// adds is to see to that, for every size and transposition, and on all cores.
template <>
void matmul_tiles<Isa::HEWN_ISA>(const Launch&, const Matmul& m) {
  const Floats f(m);
  constexpr int64_t wide = tile_cols<float>;
  const int64_t whole = m.N / W * W;
  for (int64_t j = 0; j < whole; j += wide) {
    for (int64_t i = 0; i < m.M; i += tile_rows) {
      const int64_t rows = m.M - i < tile_rows ? m.M - i : tile_rows;
      Tile<float> t{};
      t.k = m.K;
      t.a = f.a + i * m.lda, t.lda = m.lda;
      t.b = t.ahead = f.b + j, t.ldb = m.ldb;
      t.c = f.c + i * m.ldc + j, t.ldc = m.ldc;
      t.cols = whole - j < wide ? whole - j : wide;
      t.alpha = f.alpha;
      t.add = m.to_c == Write::add;
      tile_column<float, false>(t, rows);
    }
  }
  vectors_from(m, whole);
}

}  // namespace hewn
