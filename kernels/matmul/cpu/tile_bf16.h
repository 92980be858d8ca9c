#pragma once
// The register tile for bf16. Two adjacent terms along K form a pair of 32 bits in a lane of a float32
// vector; one instruction (VDPBF16PS) adds both products of a pair to a sum. Compiled for avx512bf16;
// included only by simd*bf16.cpp.

#include "kernels/simd/vec_bf16.h"

namespace hewn {
namespace {

/// As many sums as fit in the registers along with pairs of B and of A.
constexpr int dot_rows = 8, dot_vectors = 3;
constexpr int64_t dot_panel = dot_vectors * W;

using Pairs = __m512bh;
HEWN_INLINE Pairs pairs_of(vi bits) { return reinterpret_cast<Pairs>(bits); }

/// c (set or add) alpha a b for one tile.
struct DotTile {
  int64_t pairs;      ///< along K
  const BFloat16* a;  ///< [rows, 2 pairs], rows lda apart; packed: [pairs, dot_rows, 2]
  int64_t lda;
  const BFloat16* b;  ///< [pairs, dot_panel, 2]
  float* c;           ///< [rows, cols], rows ldc apart
  int64_t ldc, rows, cols;
  float alpha;
  bool add;
  /// The next tile's C (null: unknown), rows ldc apart too; prefetched while this tile is computed.
  float* next_c;
  /// Memory to prefetch meanwhile, one line per pair, `ahead_step` elements apart and `ahead_gap` more after
  /// each eighth of the pairs, which corresponds to one row if rows of A are prefetched.
  const BFloat16* ahead;
  int64_t ahead_step, ahead_gap;

  void fetch_nothing() { fetch_lines(b, 0); }
  void fetch_lines(const BFloat16* first, int64_t step) { ahead = first, ahead_step = step, ahead_gap = 0; }
  /// Prefetches as many rows as a tile has, of 2 `pairs` elements each.
  void fetch_rows(const BFloat16* first, int64_t ld) {
    ahead = first, ahead_step = 2 * dot_rows, ahead_gap = ld - 2 * pairs;
  }
};

template <int vectors>
HEWN_INLINE void store_dots(const DotTile& t, const vf (&sum)[dot_rows][vectors]) {
#pragma GCC unroll 8
  for (int i = 0; i < dot_rows; ++i) {
    if (i >= t.rows) break;
    float* c = t.c + i * t.ldc;
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) {
      const vf x = t.alpha * sum[i][v];
      if (t.cols >= (v + 1) * W) {
        store(c + v * W, t.add ? load(c + v * W) + x : x);
      } else {
        const int64_t n = t.cols - v * W;
        store_part(c + v * W, t.add ? load_part(c + v * W, n) + x : x, n);
      }
    }
  }
}

template <int vectors, bool packed_a>
__attribute__((noinline)) void dot_tile(const DotTile& t) {
  vf sum[dot_rows][vectors] = {};
  const BFloat16 *a = t.a, *b = t.b, *ahead = t.ahead;
  const int64_t lda = t.lda, ahead_step = t.ahead_step;
  // Prefetch C one row at a time, see tile.h.
  const float* c_line = t.next_c ? t.next_c : t.c;
  for (int64_t p = 0, r = 1; r <= dot_rows; ++r, c_line += t.ldc, ahead += t.ahead_gap) {
#pragma GCC unroll 8
    for (int v = 0; v < vectors; ++v) __builtin_prefetch(c_line + v * W, 1);
    for (const int64_t until = t.pairs * r / dot_rows; p < until; ++p) {
      __builtin_prefetch(ahead, 0, 2);
      Pairs row[vectors];
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) {
        vi bits;
        __builtin_memcpy(&bits, b + 2 * v * W, sizeof bits);
        row[v] = pairs_of(bits);
      }
#pragma GCC unroll 8
      for (int i = 0; i < dot_rows; ++i) {
        int32_t bits;
        __builtin_memcpy(&bits, a + (packed_a ? 2 * i : i * lda), sizeof bits);
        const Pairs x = pairs_of(set1(bits));
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) sum[i][v] = _mm512_dpbf16_ps(sum[i][v], x, row[v]);
      }
      a += packed_a ? 2 * dot_rows : 2;
      b += 2 * dot_panel;
      ahead += ahead_step;
    }
  }
  store_dots(t, sum);
}

template <bool packed_a>
void dot_tile_of_cols(const DotTile& t) {
  if (t.cols > 2 * W) return dot_tile<3, packed_a>(t);
  t.cols > W ? dot_tile<2, packed_a>(t) : dot_tile<1, packed_a>(t);
}

}  // namespace
}  // namespace hewn
