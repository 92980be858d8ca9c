#include "kernels/matmul/lessons/lesson_blocks.h"

namespace hewn {
namespace {

/// The n-th tile prefetches the n-th column of cache lines of the next block.
HEWN_INLINE void fetch(const Matmul& m, const LessonBlock& next, int64_t n, Tile<float>& t) {
  constexpr int64_t line = 64 / sizeof(float);
  if (n * line >= next.cols || next.k <= 0) return;
  t.ahead = Floats(m).b + next.k0 * m.ldb + next.j0 + n * line;
  t.ahead_step = m.ldb * static_cast<int64_t>(sizeof(float));
}

}  // namespace

// Prefetching. While a block is multiplied, memory is idle; while the next block is copied, arithmetic is. So
// tiles prefetch the next block as they go: one prefetched line per step of k costs nothing next to 24
// multiply-adds, and the block is in the second-level cache when its turn comes. This matters if B comes from
// memory, as a layer's weights do in training, and not if B is in a cache already.
template <>
void kernel<"ahead", Isa::HEWN_ISA>(const Launch& launch, const Matmul& m) {
  auto* packed = static_cast<float*>(launch.scratch);
  for_blocks(m, [&](const LessonBlock& block, const LessonBlock& next) {
    pack_block(m, block, packed);
    multiply_packed(m, block, packed, 0, m.M, [&](int64_t n, Tile<float>& t) { fetch(m, next, n, t); });
  });
}

}  // namespace hewn
