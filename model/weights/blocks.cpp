#include "model/weights/blocks.h"

#include <cmath>

namespace hewn {

bool widen_blocks(const BlockFormat& format, const void* blocks, int64_t n, float* out) {
  const auto* block = static_cast<const uint8_t*>(blocks);
  OpenBlock open;
  bool finite = true;
  for (int64_t begin = 0; begin < n; begin += format.elements, block += format.bytes) {
    format.open(block, open);
    for (int g = 0; g < format.elements / format.group; ++g)
      finite = finite && std::isfinite(open.scale[g]) && (!format.offsets || std::isfinite(open.offset[g]));
    widen_block(format, open, out + begin);
  }
  return finite;
}

}  // namespace hewn
