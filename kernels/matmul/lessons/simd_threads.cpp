#include "kernels/contract/parallel.h"
#include "kernels/matmul/lessons/lesson_blocks.h"

namespace hewn {

// Threads. Every core computes some rows of tiles with its own copy of the blocks: threads share only data
// that is read, no element is written by two of them, and none waits before the end. One thread adds up an
// element's whole sum, in the same order for any number of threads, so the result has the same bits. The
// production kernel improves on this with rectangles instead of strips, so that not every thread copies B,
// and adds transposed operands, epilogues, and shapes with few rows or an odd width.
template <>
void kernel<"threads", Isa::HEWN_ISA>(const Launch& launch, const Matmul& m) {
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
