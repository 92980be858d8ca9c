#include "kernels/matmul/abi.h"

#include "kernels/matmul/cpu/pack_amx.h"
#include "kernels/matmul/cpu/product_bf16.h"
#include "kernels/simd/vec_stream.h"

namespace hewn {
namespace {

/// A block of B, [k, cols] from row `k0` and column `j0`.
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

template <class T, class Lanes>
HEWN_INLINE void store_result(T* p, vf v, Lanes lanes, bool) {
  store(p, v, lanes);
}
HEWN_INLINE void store_result(float* p, vf v, AllLanes lanes, bool past_caches) {
  past_caches ? store_past_caches(p, v) : store(p, v, lanes);
}

/// Sums to be written to C, with the epilogue if they are `last`.
struct Put {
  const float* sums;  ///< [32, 32]
  int64_t i, rows, j, cols;
  bool add, last, past_caches;

  /// Writes the next n rows.
  template <class T>
  HEWN_INLINE void some(const Product& p, int64_t n) {
    T* c = static_cast<T*>(p.m.c) + p.c;
    const vf alpha = set1(static_cast<float>(p.m.alpha));
    const bool finish = last && !p.finish.nothing();
    for (; n > 0 && rows > 0; --n, --rows, ++i, sums += square_side) {
      const int64_t at = i * p.m.ldc + j;
      for_lanes(0, cols, [&](int64_t v, auto lanes) {
        vf y = alpha * load(sums + v);
        if (add) y += load(c + at + v, lanes);
        if (finish) y = finished(p.finish, y, at + v, j + v, cols - v < W ? cols - v : W);
        store_result(c + at + v, y, lanes, past_caches);
      });
    }
  }
};
__attribute__((noinline)) void put_rows(const Product& p, Put& put, int64_t n) {
  p.m.bf16_c ? put.some<BFloat16>(p, n) : put.some<float>(p, n);
}

/// Results that are too large to remain in a cache, such as the gradients of weights, are stored past the
/// caches, in whole lines and only once.
bool writes_past_caches(const Matmul& m) {
  constexpr int64_t large = 2 << 20, line = 64;
  const auto c = static_cast<int64_t>(reinterpret_cast<uintptr_t>(m.c));
  return m.trans_a && m.to_c == Write::set && !m.bf16_c && m.outer * m.inner == 1 &&
         m.K <= square_most_terms && 4 * m.M * m.N >= large && c % line == 0 && 4 * m.ldc % line == 0;
}

/// The state of a thread: its part of the scratch, and the sums of two squares, of which one is written to C
/// while the other is computed.
struct Worker {
  BFloat16 *strip, *block;
  alignas(64) float sums[2][square_side * square_side];
  int turn = 0;
  Put put{};
  Worker(BFloat16* for_strip, BFloat16* for_block) : strip(for_strip), block(for_block) {}
};

/// Up to 32 rows of A, from row i on, over the terms of a block of B.
struct Strip {
  int64_t i, rows;
  const BFloat16* at;

  Strip(const Product& p, int64_t row, int64_t end, int64_t k0)
      : i(row),
        rows(end - row < square_side ? end - row : square_side),
        at(p.m.trans_a ? p.a + k0 * p.m.lda + row : p.a + row * p.m.lda + k0) {}
  Ahead ahead(const Product& p, int64_t terms) const {
    if (rows <= 0) return {};
    return p.m.trans_a ? Ahead{at, p.m.lda, terms, 1} : Ahead{at, p.m.lda, rows, blocks_of(terms, 32)};
  }
};

/// The square of C at a strip and column j. Its sums start from C if they are to be added to it; if nothing
/// else remains to be done to them, registers are loaded from and stored to C directly.
Square square_at(const Product& p, const Strip& strip, int64_t j, int64_t cols, bool add, bool plain,
                 int64_t steps, const BFloat16* panel, Worker& w) {
  const Matmul& m = p.m;
  Square s{steps, w.strip, panel, nullptr, square_side, w.sums[w.turn], square_side};
  if (m.bf16_c || m.alpha != 1) return s;
  float* c = static_cast<float*>(m.c) + p.c + strip.i * m.ldc + j;
  const bool whole = strip.rows == square_side && cols == square_side;
  if (whole && plain) s.sums = c, s.sums_row = m.ldc;
  if (!add) return s;
  s.start = whole ? c : s.sums;
  if (whole) s.start_row = m.ldc;
  for (int64_t r = 0; !whole && r < strip.rows; ++r)
    for_lanes(0, cols, [&](int64_t v, auto lanes) {
      store(s.sums + r * square_side + v, load(c + r * m.ldc + v, lanes));
    });
  return s;
}

/// Multiplies all rows of the rectangle by one block of B: a strip of A stays in the first-level cache while
/// all panels of the block pass over it. While a square is multiplied, the previous one is written to C, and
/// the next strip, a part of the next block and the square's place in C are prefetched.
void multiply_block(const Product& p, Range rows, const Block& b, Ahead next, Worker& w) {
  const Matmul& m = p.m;
  put_rows(p, w.put, square_side);  // the last square of a block may be the first that the next block adds to
  b.pack(p, w.block);
  const int64_t steps = b.steps(), panels = blocks_of(b.cols, square_side);
  const int64_t all_steps = blocks_of(rows.size(), square_side) * panels * steps;
  const int64_t block_lines = all_steps > 0 ? blocks_of(next.rows * next.lines, all_steps) : 0;
  const int64_t strip_lines = blocks_of(square_side, panels),
                put_rows_each = steps > 0 ? blocks_of(square_side, steps) : 0;
  const bool add = m.to_c == Write::add || b.k0 > 0, last = b.k0 + b.k == m.K;
  const bool past_caches = writes_past_caches(m);
  const bool plain = !past_caches && !(last && !p.finish.nothing());
  const int64_t element = m.bf16_c ? sizeof(BFloat16) : sizeof(float);
  for (int64_t i = rows.begin; i < rows.end; i += square_side) {
    const Strip strip(p, i, rows.end, b.k0);
    pack_strip(m.trans_a, strip.rows, b.k, strip.at, m.lda, w.strip);
    Ahead next_strip = Strip(p, i + square_side, rows.end, b.k0).ahead(p, b.k);
    for (int64_t j = 0; j < b.cols; j += square_side, w.turn ^= 1) {
      const int64_t cols = b.cols - j < square_side ? b.cols - j : square_side;
      const char* c = static_cast<const char*>(m.c) + (p.c + i * m.ldc + b.j0 + j) * element;
      const Square s = square_at(p, strip, b.j0 + j, cols, add, plain, steps,
                                 w.block + j / square_side * steps * 2 * register_elements, w);
      square_sums(s, strip.rows, cols, [&](int64_t step) {
        put_rows(p, w.put, put_rows_each);
        next.fetch(block_lines);
        next_strip.fetch(strip_lines);
        if (past_caches) return;
        for (int64_t r = step * put_rows_each; r < (step + 1) * put_rows_each && r < strip.rows; ++r)
          for (int64_t line = 0; line < 2; ++line) __builtin_prefetch(c + r * m.ldc * element + 64 * line, 1);
      });
      put_rows(p, w.put, square_side);
      const bool done = s.sums != w.sums[w.turn];
      w.put = {s.sums, i, done ? 0 : strip.rows, b.j0 + j, cols, add && !s.start, last, past_caches};
    }
  }
}

/// A rectangle of one product, on one thread.
void multiply(const Product& p, Range rows, Range cols, Worker& w) {
  const TileRegisters registers;
  const int64_t K = p.m.K, kc = square_block_terms(p.m), nc = square_block_cols(kc, cols.size());
  const auto block_at = [&](int64_t k0, int64_t j0) {
    return Block{k0, K - k0 < kc ? K - k0 : kc, j0, cols.end - j0 < nc ? cols.end - j0 : nc};
  };
  for (int64_t j0 = cols.begin; j0 < cols.end; j0 += nc) {
    int64_t k0 = 0;
    do {  // at least once, to write C if K is 0
      Ahead next{};
      if (k0 + kc < K)
        next = block_at(k0 + kc, j0).ahead(p);
      else if (j0 + nc < cols.end)
        next = block_at(0, j0 + nc).ahead(p);
      multiply_block(p, rows, block_at(k0, j0), next, w);
      k0 += kc;
    } while (k0 < K);
  }
  put_rows(p, w.put, square_side);
  finish_stream();
}

}  // namespace

template <>
void kernel<"tiles16", Isa::HEWN_ISA>(const Launch& launch, const Matmul& m) {
  const SquareScratch scratch = square_scratch(m);
  for_rectangles(launch, m, square_side, square_side,
                 [&](const Product& p, Range rows, Range cols, int worker) {
                   char* own = static_cast<char*>(launch.scratch) + worker * scratch.bytes();
                   Worker w(reinterpret_cast<BFloat16*>(own), reinterpret_cast<BFloat16*>(own + scratch.a));
                   multiply(p, rows, cols, w);
                 });
}

}  // namespace hewn
