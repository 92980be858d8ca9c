#include "kernels/matmul/cpu/pack.h"
#include "kernels/matmul/lessons/lessons.h"

namespace hewn {

// Register tiles. Keep 8 rows by 3 vectors of C in 24 registers (fewer on machines with 16): each vector of B
// that is loaded serves 8 multiply-adds, each element of A serves 3. 11 loads for 24 multiply-adds keep the
// arithmetic units busy in every cycle, provided that A and B come from a near cache, which this rung does
// not ensure. The tile itself is the production kernel's (tile.h). Columns past the last whole vector are
// copied and padded with zeros.
template <>
void kernel<"tiles", Isa::HEWN_ISA>(const Launch& launch, const Matmul& m) {
  const Floats f(m);
  constexpr int64_t wide = tile_cols<float>;
  const int64_t whole = m.N / W * W;
  auto* padded = static_cast<float*>(launch.scratch);
  if (whole < m.N) pack_rows(m.K, m.N - whole, f.b + whole, m.ldb, padded, W);
  for (int64_t j = 0; j < m.N; j += j < whole ? at_most(whole - j, wide) : W) {
    for (int64_t i = 0; i < m.M; i += tile_rows) {
      Tile<float> t{};
      t.k = m.K;
      t.a = f.a + i * m.lda, t.lda = m.lda;
      t.b = j < whole ? f.b + j : padded;
      t.ldb = j < whole ? m.ldb : W;
      t.c = f.c + i * m.ldc + j, t.ldc = m.ldc;
      t.cols = j < whole ? at_most(whole - j, wide) : m.N - whole;
      t.alpha = f.alpha;
      t.add = m.to_c == Write::add;
      tile_column<float, false>(t, at_most(m.M - i, tile_rows));
    }
  }
}

}  // namespace hewn
