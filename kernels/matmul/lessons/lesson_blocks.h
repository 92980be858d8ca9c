#pragma once
// Shared by the lessons with packed blocks. Compiled per instruction set; included only by simd*.cpp.

#include "kernels/matmul/cpu/pack.h"
#include "kernels/matmul/lessons/lessons.h"

namespace hewn {
namespace {

/// A block of B: [k, cols] from row k0 and column j0.
struct LessonBlock {
  int64_t k0, k, j0, cols;
};

HEWN_INLINE LessonBlock lesson_block(const Matmul& m, int64_t k0, int64_t j0) {
  return {k0, at_most(m.K - k0, lesson_k), j0, at_most(m.N - j0, lesson_cols)};
}

/// Calls with_block(block, next) for all blocks of B, along j first; at least once, so that an empty
/// sum is written too.
template <class WithBlock>
HEWN_INLINE void for_blocks(const Matmul& m, const WithBlock& with_block) {
  for (int64_t k0 = 0; k0 == 0 || k0 < m.K; k0 += lesson_k)
    for (int64_t j0 = 0; j0 < m.N; j0 += lesson_cols)
      with_block(lesson_block(m, k0, j0), j0 + lesson_cols < m.N ? lesson_block(m, k0, j0 + lesson_cols)
                                                                 : lesson_block(m, k0 + lesson_k, 0));
}

/// Copies the block in the order in which tiles read it: panels of one tile's width, one after another.
HEWN_INLINE void pack_block(const Matmul& m, const LessonBlock& b, float* packed) {
  const float* from = Floats(m).b + b.k0 * m.ldb + b.j0;
  for (int64_t j = 0; j < b.cols; j += tile_cols<float>) {
    const int64_t n = at_most(b.cols - j, tile_cols<float>), width = (n + W - 1) / W * W;
    pack_rows(b.k, n, from + j, m.ldb, packed + j * b.k, width);
  }
}

/// Multiplies rows [begin, end) of A by a packed block; look_ahead(n, tile) may give the n-th tile
/// lines to prefetch.
template <class LookAhead>
HEWN_INLINE void multiply_packed(const Matmul& m, const LessonBlock& b, const float* packed, int64_t begin,
                                 int64_t end, const LookAhead& look_ahead) {
  const Floats f(m);
  int64_t tiles = 0;
  for (int64_t i = begin; i < end; i += tile_rows) {
    for (int64_t j = 0; j < b.cols; j += tile_cols<float>) {
      Tile<float> t{};
      t.k = b.k;
      t.a = f.a + i * m.lda + b.k0, t.lda = m.lda;
      t.cols = at_most(b.cols - j, tile_cols<float>);
      t.b = packed + j * b.k, t.ldb = (t.cols + W - 1) / W * W;
      t.c = f.c + i * m.ldc + b.j0 + j, t.ldc = m.ldc;
      t.alpha = f.alpha;
      t.add = m.to_c == Write::add || b.k0 > 0;
      look_ahead(tiles++, t);
      tile_column<float, false>(t, at_most(end - i, tile_rows));
    }
  }
}

}  // namespace
}  // namespace hewn
