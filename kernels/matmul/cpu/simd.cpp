#include "kernels/matmul/abi.h"

#include <type_traits>

#include "kernels/contract/parallel.h"
#include "kernels/matmul/cpu/blocks.h"
#include "kernels/matmul/cpu/epilogue.h"
#include "kernels/matmul/cpu/pack_widened.h"
#include "kernels/matmul/cpu/skinny.h"

namespace hewn {
namespace {

/// Whether packing a B of `bytes` pays off for `rows` rows of A. For few rows it is cheaper to read B
/// in place, and for more rows if all of B stays in a cache. Short vectors pass over B more often and
/// touch half cache lines.
constexpr bool worth_packing(int64_t rows, int64_t bytes) {
  return HEWN_VBYTES == 64 ? rows >= 512 || (rows >= 128 && bytes > (512 << 10)) : rows >= 32;
}

/// Whether to copy a transposed A of `bytes` for the tiles. In place, each step along k reads another cache
/// line, whose latency is hidden by the two dozen products of a step of long vectors if the line is in a
/// cache, but not if it is in memory.
constexpr bool worth_strips(int64_t bytes) { return HEWN_VBYTES < 64 || bytes > (4 << 20); }

/// Whether elements of type S in memory are widened to T on their way to the tiles.
template <class T, class S>
constexpr bool widens = !std::is_same_v<T, S>;

int64_t bytes_of_block() {
  if (HEWN_VBYTES < 64) return small_block_bytes;
  return second_level_cache() >= 2 << 20 ? large_block_bytes : block_bytes;
}

/// One matrix product of the batch in T; elements in memory have type S, which is T or narrower.
template <class T, class S>
struct Product {
  int64_t K;
  bool trans_b;
  const S* a;
  int64_t lda;
  const S* b;
  int64_t ldb;
  T* c;
  int64_t ldc;
  T alpha;
  bool add;
  Finish<T> finish;
};

template <class T, class S>
Product<T, S> product(const Matmul& m, int64_t index) {
  const int64_t o = index / m.inner, i = index % m.inner;
  const auto offset = [&](MatmulStep step) { return o * step.outer + i * step.inner; };
  const Epilogue& e = m.epilogue;
  T* pre = static_cast<T*>(e.pre);
  const T* residual = static_cast<const T*>(e.residual);
  return {m.K,
          m.trans_b,
          static_cast<const S*>(m.a) + offset(m.a_step),
          m.lda,
          static_cast<const S*>(m.b) + offset(m.b_step),
          m.ldb,
          m.bf16_c ? nullptr : static_cast<T*>(m.c) + offset(m.c_step),
          m.ldc,
          static_cast<T>(m.alpha),
          m.to_c == Write::add,
          {static_cast<const T*>(e.bias), pre ? pre + offset(m.c_step) : nullptr, e.activation,
           residual ? residual + offset(m.c_step) : nullptr}};
}

/// A block of B, [k, cols] from row `k0` and column `j0`, as the tiles read it: in place, or packed.
template <class T, class S>
struct BlockOfB {
  const Product<T, S>& m;
  int64_t k0, k, j0, cols;
  bool packed;
  T* scratch;

  /// Packs all panels, or only a last panel that ends within a vector if the block is read in place.
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
    t.b = packed_panel(j);
    t.ldb = panel_width(t.cols);
    if constexpr (!widens<T, S>)
      if (!packed && t.cols % lanes<T> == 0) t.b = m.b + k0 * m.ldb + j0 + j, t.ldb = m.ldb;
  }
  /// The number of parts into which the prefetch of this block is divided, one per tile of
  /// the previous block.
  int64_t parts() const { return blocks_of(cols, m.trans_b ? rows_fetched : 64 / sizeof(S)); }
  /// Makes a tile prefetch part n, if it exists: the columns of a cache line, or rows of B if transposed.
  void fetch(int64_t n, Tile<T>& t) const {
    constexpr int64_t element = sizeof(S), line = 64 / element;
    if (n < 0 || n >= parts()) return;
    if (m.trans_b) {
      t.ahead = m.b + (j0 + n * rows_fetched) * m.ldb + k0;
      t.ahead_step = rows_fetched * element, t.ahead_gap = (m.ldb - k) * element;
    } else {
      t.ahead = m.b + k0 * m.ldb + j0 + n * line, t.ahead_step = m.ldb * element;
    }
  }

 private:
  static constexpr int64_t rows_fetched = tile_rows;  ///< as many as there are gaps, see Tile
  int64_t width_at(int64_t j) const { return cols - j < tile_cols<T> ? cols - j : tile_cols<T>; }
  static int64_t panel_width(int64_t n) { return blocks_of(n, lanes<T>) * lanes<T>; }
  T* packed_panel(int64_t j) const { return scratch + (packed ? j * k : 0); }
};

/// Some rows of A, [rows, k] from column k0 on, as the tiles read them: in place, or in strips if they are
/// widened, or if A is transposed and copying it pays off.
template <class T>
struct RowsOfA {
  const T* a;
  int64_t lda, step;  ///< elements between a tile's rows (or steps of k), and between tiles
};

/// Multiplies some rows by one block of B: a tile's rows of A stay in the first-level cache while all panels
/// of the block pass over them. Applies the epilogue to the first `finished` columns.
template <class T, class S, bool trans_a>
void multiply_block(const Product<T, S>& m, Range rows, const RowsOfA<T>& a, const BlockOfB<T, S>& b,
                    const BlockOfB<T, S>& next, int64_t finished) {
  // Only a few of many tiles are needed to prefetch the next block, which is small with short vectors: these gain
  // nothing from it.
  const bool fetch_b = HEWN_VBYTES == 64 && fetching_pays();
  const bool fetch_a = b.cols > tile_cols<T> && rows.size() >= 64;
  b.prepare();
  // The last tiles prefetch the next block: lines prefetched by the first would be evicted
  // by later rows of A.
  const int64_t fetching = rows.size() / tile_rows * (b.cols / tile_cols<T> - fetch_a);
  int64_t part = next.parts() < fetching ? next.parts() - fetching : 0;
  Tile<T> t{};
  t.k = b.k;
  t.a = a.a;
  for (int64_t i = rows.begin; i < rows.end; i += tile_rows, t.a += a.step) {
    const int64_t ni = rows.end - i < tile_rows ? rows.end - i : tile_rows;
    t.lda = a.lda;
    t.ldc = m.ldc;
    t.alpha = m.alpha;
    t.add = m.add || b.k0 > 0;
    for (int64_t j = 0; j < b.cols; j += tile_cols<T>) {
      b.give(j, t);
      t.ahead = nullptr, t.ahead_gap = 0;
      if (fetch_a && j == 0)  // the next tile's rows of A
        t.ahead = t.a + a.step,
        t.ahead_step = (trans_a ? a.lda : tile_rows) * static_cast<int64_t>(sizeof(T)),
        t.ahead_gap = trans_a ? 0 : (a.lda - b.k) * static_cast<int64_t>(sizeof(T));
      else if (fetch_b && ni == tile_rows && t.cols == tile_cols<T>)
        next.fetch(part++, t);
      const int64_t at = i * m.ldc + b.j0 + j;
      t.c = m.c + at;
      t.read_later = finished > 0 && m.finish.residual ? m.finish.residual + at : nullptr;
      t.written_later = finished > 0 && m.finish.pre ? m.finish.pre + at : nullptr;
      t.next_c = j + tile_cols<T> < b.cols  ? t.c + tile_cols<T>
                 : i + tile_rows < rows.end ? m.c + (i + tile_rows) * m.ldc + b.j0
                                            : nullptr;
      tile_column<T, trans_a>(t, ni);
    }
    if (finished > 0 && !m.finish.nothing())
      for (int64_t r = i; r < i + ni; ++r) finish_row(m.finish, m.c, r * m.ldc + b.j0, b.j0, finished);
  }
}

/// A rectangle of one product, on one thread; the `odd` columns past its end only need the epilogue. A block
/// of B stays in the second-level cache while it is used. The loop along K is the outermost, so that the rows
/// of A for this block of K are still in the third-level cache for the next columns.
template <class T, class S, bool trans_a>
void multiply(const Product<T, S>& m, Range rows, Range cols, int64_t odd, T* scratch) {
  const bool in_strips =
      widens<T, S> || (trans_a && worth_strips(rows.size() * m.K * static_cast<int64_t>(sizeof(T))));
  const int64_t blocks = k_blocks(m.K, sizeof(T)), kc = block_terms(m.K, sizeof(T));
  const int64_t nc = block_cols(bytes_of_block(), kc, sizeof(T), tile_cols<T>);
  const bool packed = m.trans_b || widens<T, S> ||
                      worth_packing(rows.size(), kc * cols.size() * static_cast<int64_t>(sizeof(T)));
  const int64_t strip = strip_bytes(kc, sizeof(T), tile_rows) / static_cast<int64_t>(sizeof(T));
  // B is packed anew for each set of rows in strips, so use as few sets as possible.
  const int64_t fit = in_strips ? rows_of_strips(kc, sizeof(T), tile_rows) : rows.end;
  const int64_t passes = rows.size() > fit ? blocks_of(rows.size(), fit) : 1;
  const int64_t at_once = blocks_of(blocks_of(rows.size(), passes), tile_rows) * tile_rows;
  T* strips = scratch + scratch_of_b / static_cast<int64_t>(sizeof(T));
  const auto block_at = [&](int64_t k0, int64_t j0) {
    return BlockOfB<T, S>{
        m, k0, m.K - k0 < kc ? m.K - k0 : kc, j0, cols.end - j0 < nc ? cols.end - j0 : nc, packed, scratch};
  };
  for (int64_t block = 0; block < blocks; ++block) {
    const bool last = block == blocks - 1;
    for (Range some{rows.begin, rows.begin}; some.begin < rows.end; some.begin = some.end) {
      some.end = rows.end - some.begin < at_once ? rows.end : some.begin + at_once;
      const int64_t k = block_at(block * kc, 0).k;
      const S* from = trans_a ? m.a + block * kc * m.lda + some.begin : m.a + some.begin * m.lda + block * kc;
      RowsOfA<T> a{strips, trans_a ? tile_rows : k, strip};
      if constexpr (trans_a) {
        if (in_strips) pack_strips(k, some.size(), from, m.lda, strips, strip);
      } else if constexpr (widens<T, S>) {
        widen_rows(k, some.size(), from, m.lda, strips, strip);
      }
      if constexpr (!widens<T, S>)
        if (!in_strips) a = {from, m.lda, trans_a ? tile_rows : tile_rows * m.lda};
      for (int64_t j0 = cols.begin; j0 < cols.end; j0 += nc) {
        const BlockOfB<T, S> b = block_at(block * kc, j0);
        const bool last_cols = j0 + nc >= cols.end;
        const bool next_k = last_cols && some.end == rows.end;
        const BlockOfB<T, S> next =
            block_at(next_k ? (last ? 0 : (block + 1) * kc) : b.k0, last_cols ? cols.begin : j0 + nc);
        multiply_block<T, S, trans_a>(m, some, a, b, next, last ? b.cols + (last_cols ? odd : 0) : 0);
      }
    }
  }
}

/// A product of few rows.
template <class T, class S>
void multiply_rows(const Product<T, S>& m, bool trans_a, int64_t rows, Range cols, T* scratch) {
  const Skinny<S> few{rows, m.a, trans_a ? 1 : m.lda, trans_a ? m.lda : 1, m.b, m.ldb, m.trans_b};
  const auto put = [&](const auto& s, int64_t j, int64_t n, int64_t block) {
    for (int64_t r = 0; r < rows; ++r)
      put_row(s.sum + r * s.ld, m.alpha, m.add || block > 0, m.c + r * m.ldc + j, n);
  };
  multiply_skinny<SingleTerms<T, S>>(few, m.K, block_terms(m.K, sizeof(T)), cols, scratch, put);
  if (!m.finish.nothing())
    for (int64_t r = 0; r < rows; ++r)
      finish_row(m.finish, m.c, r * m.ldc + cols.begin, cols.begin, cols.size());
}

/// The last few columns, without the epilogue: vectors run along rows of A, which fill them completely.
template <class T, class S>
void multiply_columns(const Product<T, S>& m, bool trans_a, Range rows, Range cols, T* scratch) {
  const int64_t row = m.trans_b ? m.ldb : 1, step = m.trans_b ? 1 : m.ldb;
  const Skinny<S> few{cols.size(), m.b + cols.begin * row, row, step, m.a, m.lda, !trans_a};
  const auto put = [&](const auto& s, int64_t i, int64_t n, int64_t block) {
    const bool add = m.add || block > 0;
    for (int64_t r = i; r < i + n; ++r) {
      T* c = m.c + r * m.ldc + cols.begin;
      for (int64_t j = 0; j < cols.size(); ++j) {
        const T x = s.sum[j * s.ld + r - i] * m.alpha;
        c[j] = add ? c[j] + x : x;
      }
    }
  };
  multiply_skinny<SingleTerms<T, S>>(few, m.K, block_terms(m.K, sizeof(T)), rows, scratch, put);
}

/// A rectangle of one product, on one thread.
template <class T, class S, bool trans_a>
void multiply_rectangle(const Product<T, S>& m, Range rows, Range cols, T* scratch) {
  const int64_t odd = cols.size() % lanes<T>, whole = cols.end - odd;
  if (odd == 0 || odd > most_odd<T> || m.K < lanes<T>)
    return multiply<T, S, trans_a>(m, rows, cols, 0, scratch);
  multiply_columns(m, trans_a, rows, {whole, cols.end}, scratch);
  if (cols.begin < whole)
    multiply<T, S, trans_a>(m, rows, {cols.begin, whole}, odd, scratch);
  else if (!m.finish.nothing())
    for (int64_t r = rows.begin; r < rows.end; ++r)
      finish_row(m.finish, m.c, r * m.ldc + cols.begin, cols.begin, cols.size());
}

/// Finishes and rounds sums, [M, N] for one product, which a bf16 C could not hold between blocks of K.
void put_bf16(const Matmul& m, int64_t index, Range rows, Range cols, const float* sums) {
  const int64_t start = index / m.inner * m.c_step.outer + index % m.inner * m.c_step.inner;
  BFloat16* c = static_cast<BFloat16*>(m.c) + start;
  const Finish<float> finish = product<float, BFloat16>(m, index).finish;
  for (int64_t r = rows.begin; r < rows.end; ++r)
    for_lanes(cols.begin, cols.end, [&](int64_t j, auto lanes) {
      const vf sum = load(sums + r * m.N + j, lanes);
      const int64_t at = r * m.ldc + j;
      store(c + at,
            m.to_c == Write::add ? sum + load(c + at, lanes)
                                 : finished(finish, sum, at, j, cols.end - j < W ? cols.end - j : W),
            lanes);
    });
}

template <class T, class S>
void multiply_all(const Launch& launch, const Matmul& m) {
  const int64_t n_products = m.outer * m.inner;
  const int64_t row_tiles = blocks_of(m.M, tile_rows), col_tiles = blocks_of(m.N, tile_cols<T>);
  const bool skinny = is_skinny(m.M, m.trans_b, widens<T, S>);
  const Split split =
      split_for(n_products, skinny ? 1 : row_tiles, tile_rows, col_tiles, tile_cols<T>, launch.threads);
  const int64_t parts = split.rows * split.cols;
  const TileScratch own_scratch = tile_scratch(m);
  parallel_for(launch, n_products * parts, [&](int64_t begin, int64_t end, int worker) {
    char* own = static_cast<char*>(launch.scratch) + worker * own_scratch.bytes();
    T* scratch = reinterpret_cast<T*>(own);
    for (int64_t item = begin; item < end; ++item) {
      Product<T, S> one = product<T, S>(m, item / parts);
      if (m.bf16_c) {
        one.c = reinterpret_cast<T*>(own + scratch_of_b + own_scratch.a);
        one.ldc = m.N, one.add = false, one.finish = {};
      }
      const int64_t r = item % parts / split.cols, c = item % parts % split.cols;
      const auto range = [](int64_t tiles, int64_t tile, int64_t n, int64_t part, int64_t of) {
        const int64_t from = tiles * part / of * tile, to = tiles * (part + 1) / of * tile;
        return Range{from, to < n ? to : n};
      };
      const Range rows = range(row_tiles, tile_rows, m.M, r, split.rows);
      const Range cols = range(col_tiles, tile_cols<T>, m.N, c, split.cols);
      if (skinny)
        multiply_rows(one, m.trans_a, m.M, cols, scratch);
      else if (m.trans_a)
        multiply_rectangle<T, S, true>(one, rows, cols, scratch);
      else
        multiply_rectangle<T, S, false>(one, rows, cols, scratch);
      if constexpr (widens<T, S>)
        if (m.bf16_c) put_bf16(m, item / parts, skinny ? Range{0, m.M} : rows, cols, one.c);
    }
  });
}

}  // namespace

template <>
void kernel<"simd", Isa::HEWN_ISA>(const Launch& launch, const Matmul& a) {
  switch (a.dtype) {
    case DType::f64: return multiply_all<double, double>(launch, a);
    case DType::bf16: return multiply_all<float, BFloat16>(launch, a);
    default: return multiply_all<float, float>(launch, a);
  }
}

}  // namespace hewn
