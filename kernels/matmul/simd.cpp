#include "kernels/matmul/simd.h"

#include "kernels/matmul/blocks.h"
#include "kernels/matmul/epilogue.h"
#include "kernels/matmul/skinny.h"
#include "kernels/parallel.h"

namespace hewn {
namespace {

/// b is packed when this many rows of a use the copy; below, reading it where it stands is cheaper. Short
/// vectors pass over it more often, and touch half cache lines.
constexpr int64_t pack_rows_from = HEWN_VBYTES == 64 ? 512 : 64;

/// One matrix product of the batch.
template <class T>
struct Product {
  int64_t K;
  bool trans_b;
  const T* a;
  int64_t lda;
  const T* b;
  int64_t ldb;
  T* c;
  int64_t ldc;
  T alpha;
  bool add;
  Finish<T> finish;
};

template <class T>
Product<T> product(const Matmul& m, int64_t index) {
  const int64_t o = index / m.inner, i = index % m.inner;
  const auto offset = [&](MatmulStep step) { return o * step.outer + i * step.inner; };
  const Epilogue& e = m.epilogue;
  T* pre = static_cast<T*>(e.pre);
  const T* residual = static_cast<const T*>(e.residual);
  return {m.K,
          m.trans_b,
          static_cast<const T*>(m.a) + offset(m.a_step),
          m.lda,
          static_cast<const T*>(m.b) + offset(m.b_step),
          m.ldb,
          static_cast<T*>(m.c) + offset(m.c_step),
          m.ldc,
          static_cast<T>(m.alpha),
          m.to_c == Write::add,
          {static_cast<const T*>(e.bias), pre ? pre + offset(m.c_step) : nullptr, e.activation,
           residual ? residual + offset(m.c_step) : nullptr}};
}

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

/// A block of b, [k, cols] from row `k0` and column `j0`, as the tiles take it: where it stands, or packed.
template <class T>
struct BlockOfB {
  const Product<T>& m;
  int64_t k0, k, j0, cols;
  bool packed;
  T* scratch;

  /// Packs what has to be: everything, or just a last panel that ends within a vector.
  void prepare() const {
    for (int64_t j = 0; j < cols; j += tile_cols<T>) {
      const int64_t n = width_at(j);
      if (m.trans_b)
        pack_columns(k, n, m.b + (j0 + j) * m.ldb + k0, m.ldb, packed_panel(j), panel_width(n));
      else if (packed || n % lanes<T> != 0)
        pack_rows(k, n, m.b + k0 * m.ldb + j0 + j, m.ldb, packed_panel(j), panel_width(n));
    }
  }
  /// Points a tile at the panel that starts at column j of the block.
  void give(int64_t j, Tile<T>& t) const {
    t.cols = width_at(j);
    if (packed || t.cols % lanes<T> != 0) {
      t.b = packed_panel(j);
      t.ldb = panel_width(t.cols);
    } else {
      t.b = m.b + k0 * m.ldb + j0 + j;
      t.ldb = m.ldb;
    }
  }
  /// Has the n-th tile of the block before fetch a part of this one, if there is still a part.
  void fetch(int64_t n, Tile<T>& t) const {
    constexpr int64_t line = 64 / sizeof(T);
    t.ahead = t.b, t.ahead_step = 0;
    if (n * line >= cols) return;
    if (!m.trans_b)
      t.ahead = m.b + k0 * m.ldb + j0 + n * line, t.ahead_step = m.ldb;
    else if (k == m.ldb)
      t.ahead = m.b + (j0 + n * line) * m.ldb, t.ahead_step = line;
  }

 private:
  int64_t width_at(int64_t j) const { return cols - j < tile_cols<T> ? cols - j : tile_cols<T>; }
  static int64_t panel_width(int64_t n) { return blocks_of(n, lanes<T>) * lanes<T>; }
  T* packed_panel(int64_t j) const { return scratch + (packed ? j * k : 0); }
};

/// One block of b against all rows of the rectangle: a tile's rows of a stay in the first-level cache while
/// all panels of the block pass over them.
template <class T, bool trans_a>
void multiply_block(const Product<T>& m, Range rows, const BlockOfB<T>& b, const BlockOfB<T>& next,
                    bool last) {
  b.prepare();
  int64_t tiles = 0;
  for (int64_t i = rows.begin; i < rows.end; i += tile_rows) {
    const int64_t ni = rows.end - i < tile_rows ? rows.end - i : tile_rows;
    Tile<T> t{};
    t.k = b.k;
    t.a = trans_a ? m.a + b.k0 * m.lda + i : m.a + i * m.lda + b.k0;
    t.lda = m.lda;
    t.ldc = m.ldc;
    t.alpha = m.alpha;
    t.add = m.add || b.k0 > 0;
    for (int64_t j = 0; j < b.cols; j += tile_cols<T>) {
      b.give(j, t);
      next.fetch(tiles++, t);
      t.c = m.c + i * m.ldc + b.j0 + j;
      tile_column<T, trans_a>(t, ni);
    }
    if (last && !m.finish.nothing())
      for (int64_t r = i; r < i + ni; ++r) finish_row(m.finish, m.c, r * m.ldc + b.j0, b.j0, b.cols);
  }
}

/// A rectangle of one product, by one thread. A block of b stays in the second-level cache while it is used;
/// along K comes last, so that a's rows of such a block are still in the third when the next columns come.
template <class T, bool trans_a>
void multiply(const Product<T>& m, Range rows, Range cols, T* scratch) {
  const int64_t blocks = k_blocks(m.K, sizeof(T)), kc = blocks_of(m.K, blocks);
  const int64_t nc = block_cols(kc, sizeof(T), tile_cols<T>);
  const bool packed = m.trans_b || rows.size() >= pack_rows_from;
  const auto block_at = [&](int64_t k0, int64_t j0) {
    return BlockOfB<T>{
        m, k0, m.K - k0 < kc ? m.K - k0 : kc, j0, cols.end - j0 < nc ? cols.end - j0 : nc, packed, scratch};
  };
  for (int64_t block = 0; block < blocks; ++block) {
    for (int64_t j0 = cols.begin; j0 < cols.end; j0 += nc) {
      const BlockOfB<T> b = block_at(block * kc, j0);
      const bool last_cols = j0 + nc >= cols.end, last = block == blocks - 1;
      const BlockOfB<T> next =
          last_cols ? block_at(last ? 0 : (block + 1) * kc, cols.begin) : block_at(b.k0, j0 + nc);
      multiply_block<T, trans_a>(m, rows, b, next, last);
    }
  }
}

/// c (set or add) alpha sum, for `cols` elements.
template <class T>
void put_row(const T* sum, T alpha, bool add, T* c, int64_t cols) {
  constexpr int w = lanes<T>;
  for (int64_t j = 0; j < cols; j += w) {
    const int64_t n = cols - j < w ? cols - j : w;
    const Vector<T> x = load(sum + j) * set1(alpha);
    store_part(c + j, add ? load_part(c + j, n) + x : x, n);
  }
}

/// `cols` of all rows of one product of a few rows, by one thread.
template <class T, bool trans_a>
void multiply_skinny(const Product<T>& m, int64_t rows, Range cols, T* scratch) {
  constexpr int64_t w = lanes<T>;
  const int64_t blocks = k_blocks(m.K, sizeof(T)), kc = blocks_of(m.K, blocks);
  const int64_t most = skinny_sums / static_cast<int64_t>(sizeof(T)) / rows / tile_cols<T> * tile_cols<T>;
  for (int64_t j0 = cols.begin; j0 < cols.end; j0 += most) {
    const int64_t n = cols.end - j0 < most ? cols.end - j0 : most, ld = blocks_of(n, w) * w;
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t k0 = block * kc, k = m.K - k0 < kc ? m.K - k0 : kc;
      for (int64_t i = 0; i < rows * ld; i += w) store(scratch + i, Vector<T>{});
      const Sums<T> sums{rows, k, scratch + rows * ld, scratch, ld};
      const int64_t row = trans_a ? 1 : m.lda, step = trans_a ? m.lda : 1;
      if (m.trans_b) {
        pack_groups<T, 4>(sums, m.a + k0 * step, row, step, scratch + rows * ld);
        add_columns(sums, n, m.b + j0 * m.ldb + k0, m.ldb);
      } else {
        pack_groups<T, tile_rows>(sums, m.a + k0 * step, row, step, scratch + rows * ld);
        add_rows(sums, n, m.b + k0 * m.ldb + j0, m.ldb);
      }
      for (int64_t r = 0; r < rows; ++r)
        put_row(scratch + r * ld, m.alpha, m.add || block > 0, m.c + r * m.ldc + j0, n);
    }
    if (!m.finish.nothing())
      for (int64_t r = 0; r < rows; ++r) finish_row(m.finish, m.c, r * m.ldc + j0, j0, n);
  }
}

template <class T>
void multiply_all(const Launch& launch, const Matmul& m) {
  const int64_t n_products = m.outer * m.inner;
  const int64_t row_tiles = blocks_of(m.M, tile_rows), col_tiles = blocks_of(m.N, tile_cols<T>);
  // Threads are woken for some microseconds of work at least.
  Launch on = launch;
  if (n_products * m.M * m.N * m.K < 100000) on.threads = 1;
  const bool skinny = m.M <= skinny_rows;
  const Split split =
      split_for(n_products, skinny ? 1 : row_tiles, tile_rows, col_tiles, tile_cols<T>, on.threads);
  const int64_t parts = split.rows * split.cols;
  parallel_for(on, n_products * parts, [&](int64_t begin, int64_t end, int worker) {
    T* scratch =
        static_cast<T*>(launch.scratch) + worker * (scratch_per_worker / static_cast<int64_t>(sizeof(T)));
    for (int64_t item = begin; item < end; ++item) {
      const Product<T> one = product<T>(m, item / parts);
      const int64_t r = item % parts / split.cols, c = item % parts % split.cols;
      const auto range = [](int64_t tiles, int64_t tile, int64_t n, int64_t part, int64_t of) {
        const int64_t from = tiles * part / of * tile, to = tiles * (part + 1) / of * tile;
        return Range{from, to < n ? to : n};
      };
      const Range rows = range(row_tiles, tile_rows, m.M, r, split.rows);
      const Range cols = range(col_tiles, tile_cols<T>, m.N, c, split.cols);
      if (skinny)
        m.trans_a ? multiply_skinny<T, true>(one, m.M, cols, scratch)
                  : multiply_skinny<T, false>(one, m.M, cols, scratch);
      else
        m.trans_a ? multiply<T, true>(one, rows, cols, scratch)
                  : multiply<T, false>(one, rows, cols, scratch);
    }
  });
}

}  // namespace

template <>
void matmul_simd<Isa::HEWN_ISA>(const Launch& launch, const Matmul& a) {
  a.dtype == DType::f64 ? multiply_all<double>(launch, a) : multiply_all<float>(launch, a);
}

}  // namespace hewn
