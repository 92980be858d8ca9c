#include "kernels/matmul/lessons/lesson_blocks.h"

namespace hewn {

// Packing. Blocks again, so that the tiles find b in a near cache, and each is copied first, in the order in
// which tiles read it: a panel of three vectors, row after row. Then a tile walks straight through memory,
// where fetching ahead by the processor works, no page is left after a few steps, and rows a power of two
// apart do not compete for the same places in the cache. The copy costs one load and one store per element,
// and pays when many rows of a use it.
template <>
void matmul_packed<Isa::HEWN_ISA>(const Launch& launch, const Matmul& m) {
  auto* packed = static_cast<float*>(launch.scratch);
  for_blocks(m, [&](const LessonBlock& block, const LessonBlock&) {
    pack_block(m, block, packed);
    multiply_packed(m, block, packed, 0, m.M, [](int64_t, Tile<float>&) {});
  });
}

}  // namespace hewn
