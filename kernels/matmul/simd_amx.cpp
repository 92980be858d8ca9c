#include "kernels/matmul/simd_amx.h"

#include "kernels/matmul/pack_amx.h"
#include "kernels/matmul/product_bf16.h"

namespace hewn {
namespace {

/// A block of b, [k, cols] from row `k0` and column `j0`.
struct Block {
  int64_t k0, k, j0, cols;

  int64_t steps() const { return blocks_of(k, square_terms); }
  const BFloat16* at(const Product& p) const {
    return p.b + (p.m.trans_b ? j0 * p.m.ldb + k0 : k0 * p.m.ldb + j0);
  }
  void pack(const Product& p, BFloat16* to) const { pack_block(p.m.trans_b, cols, k, at(p), p.m.ldb, to); }
  Ahead ahead(const Product& p) const {
    const int64_t rows = p.m.trans_b ? cols : k, row = p.m.trans_b ? k : cols;
    return {at(p), p.m.ldb, rows, blocks_of(row, 32)};
  }
};

/// Sums of one square into c from row i and column j on; the epilogue when they are `last`.
template <class T>
void put_square(const Product& p, const float* sums, Range rows, Range cols, bool add, bool last) {
  T* c = static_cast<T*>(p.m.c) + p.c;
  const vf alpha = set1(static_cast<float>(p.m.alpha));
  const bool finish = last && !p.finish.nothing();
  for (int64_t i = rows.begin; i < rows.end; ++i, sums += square) {
    const int64_t row = i * p.m.ldc;
    for_lanes(cols.begin, cols.end, [&](int64_t j, auto lanes) {
      vf y = alpha * load(sums + (j - cols.begin));
      if (add) y += load(c + row + j, lanes);
      if (finish) y = finished(p.finish, y, row + j, j, cols.end - j < W ? cols.end - j : W);
      store(c + row + j, y, lanes);
    });
  }
}

/// One block of b against all rows of the rectangle: a strip of a stays in the first-level cache while all
/// panels of the block pass over it.
void multiply_block(const Product& p, Range rows, const Block& b, Ahead next, BFloat16* strip,
                    BFloat16* block) {
  const Matmul& m = p.m;
  alignas(64) float sums[square * square];
  b.pack(p, block);
  Square s{};
  s.steps = b.steps();
  s.sums = sums;
  s.ahead = &next;
  const int64_t all_steps = blocks_of(rows.size(), square) * blocks_of(b.cols, square) * s.steps;
  s.lines = all_steps > 0 ? blocks_of(next.rows * next.lines, all_steps) : 0;
  const bool add = m.to_c == Write::add || b.k0 > 0, last = b.k0 + b.k == m.K;
  for (int64_t i = rows.begin; i < rows.end; i += square) {
    const int64_t n_rows = rows.end - i < square ? rows.end - i : square;
    const BFloat16* a = m.trans_a ? p.a + b.k0 * m.lda + i : p.a + i * m.lda + b.k0;
    pack_strip(m.trans_a, n_rows, b.k, a, m.lda, strip);
    s.a = strip, s.a_row = 64, s.a_lower = register_elements, s.a_step = 2 * register_elements;
    for (int64_t j = 0; j < b.cols; j += square) {
      const int64_t n_cols = b.cols - j < square ? b.cols - j : square;
      s.b = block + j / square * s.steps * 2 * register_elements;
      square_sums(s, n_rows, n_cols);
      const Range to_rows{i, i + n_rows}, to_cols{b.j0 + j, b.j0 + j + n_cols};
      if (m.narrow_c)
        put_square<BFloat16>(p, sums, to_rows, to_cols, add, last);
      else
        put_square<float>(p, sums, to_rows, to_cols, add, last);
    }
  }
}

/// A rectangle of one product, by one thread.
void multiply(const Product& p, Range rows, Range cols, BFloat16* strip, BFloat16* block) {
  const TileRegisters registers;
  const int64_t K = p.m.K, kc = square_block_terms(p.m), nc = square_block_cols(kc, cols.size());
  const auto block_at = [&](int64_t k0, int64_t j0) {
    return Block{k0, K - k0 < kc ? K - k0 : kc, j0, cols.end - j0 < nc ? cols.end - j0 : nc};
  };
  for (int64_t j0 = cols.begin; j0 < cols.end; j0 += nc) {
    int64_t k0 = 0;
    do {  // once at least, for a c without any terms
      Ahead next{};
      if (k0 + kc < K)
        next = block_at(k0 + kc, j0).ahead(p);
      else if (j0 + nc < cols.end)
        next = block_at(0, j0 + nc).ahead(p);
      multiply_block(p, rows, block_at(k0, j0), next, strip, block);
      k0 += kc;
    } while (k0 < K);
  }
}

}  // namespace

template <>
void matmul_amx<Isa::HEWN_ISA>(const Launch& launch, const Matmul& m) {
  const SquareScratch scratch = square_scratch(m);
  for_rectangles(launch, m, square, square, [&](const Product& p, Range rows, Range cols, int worker) {
    char* own = static_cast<char*>(launch.scratch) + worker * scratch.bytes();
    multiply(p, rows, cols, reinterpret_cast<BFloat16*>(own), reinterpret_cast<BFloat16*>(own + scratch.a));
  });
}

}  // namespace hewn
