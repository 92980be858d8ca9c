#include "kernels/matmul/abi.h"

#include "kernels/matmul/cpu/blocks_bf16.h"
#include "kernels/matmul/cpu/pack_bf16.h"
#include "kernels/matmul/cpu/product_bf16.h"
#include "kernels/matmul/cpu/skinny_bf16.h"
#include "kernels/matmul/cpu/tile_bf16.h"

namespace hewn {
namespace {

/// A worker's packed panels and sums.
struct Workspace {
  BFloat16 *a, *b;
  float* sums;
};

constexpr int64_t elements_of_line = 32;

/// A block of B, [k, cols] from row `k0` and column `j0`.
struct Block {
  int64_t k0, k, j0, cols;

  void pack(const Product& p, BFloat16* to) const {
    const int64_t ldb = p.m.ldb;
    pack_dots<dot_panel>(p.m.trans_b, k, cols, p.b + (p.m.trans_b ? j0 * ldb + k0 : k0 * ldb + j0), ldb, to);
  }
  /// The number of parts into which the prefetch of this block is divided, one per tile of
  /// the previous block.
  int64_t parts(const Product& p) const {
    return p.m.trans_b ? blocks_of(cols, dot_rows) : 2 * blocks_of(cols, elements_of_line);
  }
  /// Makes a tile prefetch part n, if it exists: every other row of the columns of a cache line, or rows of B
  /// if transposed.
  void fetch(const Product& p, int64_t n, DotTile& t) const {
    const int64_t ldb = p.m.ldb;
    if (n < 0 || n >= parts(p)) return t.fetch_nothing();
    if (p.m.trans_b)
      t.fetch_rows(p.b + (j0 + n * dot_rows) * ldb + k0, ldb);
    else
      t.fetch_lines(p.b + (k0 + n % 2) * ldb + j0 + n / 2 * elements_of_line, 2 * ldb);
  }
};

/// Finishes part of a row of C, from these sums, and rounds it to bf16.
void finish_bf16(const Product& p, const float* sums, int64_t row, int64_t j0, int64_t cols) {
  BFloat16* c = static_cast<BFloat16*>(p.m.c) + p.c;
  const int64_t start = row * p.m.ldc + j0;
  for_lanes(0, cols, [&](int64_t j, auto lanes) {
    vf y = load(sums + j, lanes);
    if (p.m.to_c == Write::add)
      y += load(c + start + j, lanes);
    else
      y = finished(p.finish, y, start + j, j0 + j, cols - j < W ? cols - j : W);
    store(c + start + j, y, lanes);
  });
}

/// The number of rows of A that are copied at a time: whole tiles and whole vectors.
constexpr int64_t copied_rows = dot_rows > W ? dot_rows : W;
static_assert(copied_rows <= dot_most_rows && dot_panel <= dot_most_cols);

/// Multiplies all rows of the rectangle by one block of B: a tile's rows of A stay in the first-level cache
/// while all panels of the block pass over them. Rows of A are copied if the terms of a pair are not adjacent
/// in memory, and at the end, where the rows may be too few for a tile. Copies that are kept were made with
/// the block at `first_col`.
void multiply_block(const Product& p, Range rows, int64_t first_col, const Block& b, const Block& next,
                    const Workspace& w) {
  const Matmul& m = p.m;
  const bool kept = keeps_copies(m);
  const bool last = b.k0 + b.k == m.K;
  float* c = m.bf16_c ? nullptr : static_cast<float*>(m.c) + p.c;
  b.pack(p, w.b);
  const bool fetch_a = b.cols > dot_panel;
  // The last tiles prefetch the next block, see simd.cpp.
  const int64_t fetching = blocks_of(rows.size(), dot_rows) * (blocks_of(b.cols, dot_panel) - fetch_a);
  int64_t part = next.parts(p) < fetching ? next.parts(p) - fetching : 0;
  bool copied = false;
  DotTile t{};
  t.pairs = (b.k + 1) / 2;
  t.lda = m.lda;
  t.ldc = m.bf16_c ? dot_block_cols : m.ldc;
  t.alpha = static_cast<float>(m.alpha);
  t.add = !m.bf16_c && (m.to_c == Write::add || b.k0 > 0);
  for (int64_t i = rows.begin; i < rows.end; i += dot_rows) {
    t.rows = rows.end - i < dot_rows ? rows.end - i : dot_rows;
    t.a = m.trans_a ? p.a + b.k0 * m.lda + i : p.a + i * m.lda + b.k0;
    const int64_t nth = (i - rows.begin) % copied_rows, left = rows.end - i;
    BFloat16* copy = w.a + 2 * t.pairs * (kept ? i - rows.begin : nth);
    if (nth == 0) {
      copied = m.trans_a || b.k % 2 != 0 || left < copied_rows;
      if (copied && !(kept && b.j0 > first_col))
        pack_dots<dot_rows>(!m.trans_a, b.k, left < copied_rows ? left : copied_rows, t.a, m.lda, copy);
    }
    if (copied) t.a = copy;
    for (int64_t j = 0; j < b.cols; j += dot_panel) {
      t.b = w.b + 2 * t.pairs * j;
      t.cols = b.cols - j < dot_panel ? b.cols - j : dot_panel;
      t.c = m.bf16_c ? w.sums + j : c + i * m.ldc + b.j0 + j;
      t.next_c = m.bf16_c                  ? nullptr
                 : j + dot_panel < b.cols  ? t.c + dot_panel
                 : i + dot_rows < rows.end ? c + (i + dot_rows) * m.ldc + b.j0
                                           : nullptr;
      if (j > 0 || !fetch_a)
        next.fetch(p, part++, t);
      else if (!copied)  // the next tile's rows of A
        t.fetch_rows(t.a + dot_rows * t.lda, t.lda);
      else if (kept && b.j0 > first_col)
        t.fetch_rows(t.a + dot_rows * 2 * t.pairs, 2 * t.pairs);
      else if (m.trans_a)  // the next rows to copy; two tiles share them, hence every other term
        t.fetch_lines(p.a + (b.k0 + (nth > 0)) * m.lda + i - nth + copied_rows, 2 * m.lda);
      else
        t.fetch_nothing();
      copied ? dot_tile_of_cols<true>(t) : dot_tile_of_cols<false>(t);
    }
    if (m.bf16_c)
      for (int64_t r = 0; r < t.rows; ++r) finish_bf16(p, w.sums + r * dot_block_cols, i + r, b.j0, b.cols);
    else if (last && !p.finish.nothing())
      for (int64_t r = i; r < i + t.rows; ++r) finish_row(p.finish, c, r * m.ldc + b.j0, b.j0, b.cols);
  }
}

/// A rectangle of one product, on one thread.
void multiply(const Product& p, Range rows, Range cols, const Workspace& w) {
  const int64_t K = p.m.K, kc = dot_block_terms(p.m), nc = dot_cols(kc, dot_panel);
  const auto block_at = [&](int64_t k0, int64_t j0) {
    return Block{k0, K - k0 < kc ? K - k0 : kc, j0, cols.end - j0 < nc ? cols.end - j0 : nc};
  };
  int64_t k0 = 0;
  do {  // at least once, to write C if K is 0
    for (int64_t j0 = cols.begin; j0 < cols.end; j0 += nc) {
      const bool last_cols = j0 + nc >= cols.end;
      const Block next = last_cols ? block_at(k0 + kc < K ? k0 + kc : 0, cols.begin) : block_at(k0, j0 + nc);
      multiply_block(p, rows, cols.begin, block_at(k0, j0), next, w);
    }
    k0 += kc;
  } while (k0 < K);
}

/// A product of few rows, on one thread.
void multiply_few(const Product& p, Range cols, void* scratch) {
  const Matmul& m = p.m;
  const auto alpha = static_cast<float>(m.alpha);
  float* c = m.bf16_c ? nullptr : static_cast<float*>(m.c) + p.c;
  const Skinny<BFloat16> few{m.M, p.a, m.trans_a ? 1 : m.lda, m.trans_a ? m.lda : 1, p.b, m.ldb, m.trans_b};
  multiply_skinny<PairedTerms>(few, m.K, dot_block_terms(m), cols, scratch,
                               [&](const Sums<PairedTerms>& s, int64_t j, int64_t n, int64_t block) {
                                 for (int64_t r = 0; r < m.M; ++r) {
                                   float* const sum = s.sum + r * s.ld;
                                   float* const to = m.bf16_c ? sum : c + r * m.ldc + j;
                                   put_row(sum, alpha, !m.bf16_c && (m.to_c == Write::add || block > 0), to,
                                           n);
                                   if (m.bf16_c) finish_bf16(p, sum, r, j, n);
                                 }
                               });
  if (!m.bf16_c && !p.finish.nothing())
    for (int64_t r = 0; r < m.M; ++r)
      finish_row(p.finish, c, r * m.ldc + cols.begin, cols.begin, cols.size());
}

}  // namespace

template <>
void kernel<"pairs", Isa::HEWN_ISA>(const Launch& launch, const Matmul& m) {
  const DotScratch scratch = dot_scratch(m);
  for_rectangles(launch, m, dot_rows, dot_panel, [&](const Product& p, Range rows, Range cols, int worker) {
    char* own = static_cast<char*>(launch.scratch) + worker * scratch.bytes();
    if (is_skinny(m.M)) return multiply_few(p, cols, own);
    const Workspace w{reinterpret_cast<BFloat16*>(own), reinterpret_cast<BFloat16*>(own + scratch.a),
                      reinterpret_cast<float*>(own + scratch.a + scratch.b)};
    multiply(p, rows, cols, w);
  });
}

}  // namespace hewn
