#include "kernels/contract/parallel.h"
#include "kernels/matmul/lessons/lesson_blocks.h"

namespace hewn {

// Threads. Every core takes some rows of tiles, with its own copy of the blocks: nothing is shared but what
// is only read, no two write to one element, and nobody waits before the end. An element's sum is the work of
// one thread from its first term to its last, in the same order for any number of them, so the result has
// the same bits. What is left for the production kernel: rectangles instead of strips, so that b is not
// copied by everyone, the other transpositions, epilogues, and shapes with few rows or an odd width.
template <>
void matmul_threads<Isa::HEWN_ISA>(const Launch& launch, const Matmul& m) {
  parallel_for(launch, blocks_of(m.M, tile_rows), [&](int64_t begin, int64_t end, int worker) {
    auto* packed = static_cast<float*>(launch.scratch) + worker * (lesson_k * lesson_cols);
    for_blocks(m, [&](const LessonBlock& block, const LessonBlock&) {
      pack_block(m, block, packed);
      multiply_packed(m, block, packed, begin * tile_rows, at_most(end * tile_rows, m.M),
                      [](int64_t, Tile<float>&) {});
    });
  });
}

}  // namespace hewn
