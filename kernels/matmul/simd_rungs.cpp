#include "kernels/matmul/rungs.h"

#include "kernels/matmul/tile.h"

namespace hewn {
namespace {

/// n elements of c (set or add) alpha a b: a vector of c stays in a register while k runs. b is [k, W], rows
/// ldb apart.
void add_vector(const float* a, int64_t k, const float* b, int64_t ldb, float* c, int64_t n, float alpha,
                bool set) {
  vf sum{};
  for (int64_t p = 0; p < k; ++p) sum = fma(set1(a[p]), load_part(b + p * ldb, n), sum);
  sum *= alpha;
  store_part(c, set ? sum : load_part(c, n) + sum, n);
}

int64_t at_most(int64_t n, int64_t most) { return n < most ? n : most; }

}  // namespace

// Vectors. A vector of c stays in a register while k runs, one fused multiply-add per step: c is written once
// instead of K times. But each addition waits for the one before it (4 cycles or so), so that the units,
// which could start one or two per cycle, mostly wait; and k walks down the columns of b again, 64 bytes
// wide, which all come by once for every row of a.
template <>
void matmul_vectors<Isa::HEWN_ISA>(const Launch&, const Matmul& m) {
  const Floats f(m);
  for (int64_t i = 0; i < m.M; ++i)
    for (int64_t j = 0; j < m.N; j += W)
      add_vector(f.a + i * m.lda, m.K, f.b + j, m.ldb, f.c + i * m.ldc + j, at_most(m.N - j, W), f.alpha,
                 m.to_c == Write::set);
}

// Blocks, packed. Cut b into blocks that fit a near cache (here 128 x 128 floats, 64 KiB), and take all rows
// of a past one block before the next is touched: b is fetched once from far away instead of M times. The
// block is copied in the order in which it will be read, a column of vectors after the other: then nothing is
// fetched in vain, and rows a power of two apart do not compete for the same places in the cache.
template <>
void matmul_blocked<Isa::HEWN_ISA>(const Launch& launch, const Matmul& m) {
  const Floats f(m);
  auto* block = static_cast<float*>(launch.scratch);
  for (int64_t k0 = 0; k0 == 0 || k0 < m.K; k0 += lesson_block) {
    for (int64_t j0 = 0; j0 < m.N; j0 += lesson_block) {
      const int64_t k = at_most(m.K - k0, lesson_block), cols = at_most(m.N - j0, lesson_block);
      for (int64_t j = 0; j < cols; j += W)
        for (int64_t p = 0; p < k; ++p)
          store(block + j * k + p * W, load_part(f.b + (k0 + p) * m.ldb + j0 + j, at_most(cols - j, W)));
      for (int64_t i = 0; i < m.M; ++i)
        for (int64_t j = 0; j < cols; j += W)
          add_vector(f.a + i * m.lda + k0, k, block + j * k, W, f.c + i * m.ldc + j0 + j,
                     at_most(cols - j, W), f.alpha, m.to_c == Write::set && k0 == 0);
    }
  }
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
  if (whole < m.N)
    for (int64_t i = 0; i < m.M; ++i)
      add_vector(f.a + i * m.lda, m.K, f.b + whole, m.ldb, f.c + i * m.ldc + whole, m.N - whole, f.alpha,
                 m.to_c == Write::set);
}

}  // namespace hewn
