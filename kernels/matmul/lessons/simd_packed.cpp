#include "kernels/matmul/lessons/lesson_blocks.h"

namespace hewn {

// Packing. As in cache blocking, tiles find a block of B in a near cache; in addition, each block is first
// copied in the order in which tiles read it: a panel of three vectors, row after row. A tile then reads
// memory sequentially: hardware prefetching works, one page serves many steps, and rows a power of two apart
// no longer compete for the same cache sets. The copy costs one load and one store per element, and pays off
// if many rows of A use it.
template <>
void kernel<"packed", Isa::HEWN_ISA>(const Launch& launch, const Matmul& m) {
  auto* packed = static_cast<float*>(launch.scratch);
  for_blocks(m, [&](const LessonBlock& block, const LessonBlock&) {
    pack_block(m, block, packed);
    multiply_packed(m, block, packed, 0, m.M, [](int64_t, Tile<float>&) {});
  });
}

}  // namespace hewn
