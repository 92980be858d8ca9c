#include "model/weights/blocks.h"

#include <cstring>

namespace hewn {

bool blocks_are_finite(const BlockFormat& format, const void* blocks, int64_t n) {
  const auto* block = static_cast<const uint8_t*>(blocks);
  const auto is_finite = [](const uint8_t* half) {
    constexpr uint16_t exponent = 0x7c00;
    uint16_t bits;
    std::memcpy(&bits, half, sizeof bits);
    return (bits & exponent) != exponent;
  };
  bool finite = true;
  for (int64_t i = 0; i < n; i += format.elements, block += format.bytes) {
    const uint8_t* scale = block + format.scale_at;
    finite = finite && is_finite(scale) && (!format.offsets || is_finite(scale + 2));
  }
  return finite;
}

void widen_blocks(const BlockFormat& format, const void* blocks, int64_t n, float* out) {
  const auto* block = static_cast<const uint8_t*>(blocks);
  OpenBlock open;
  for (int64_t begin = 0; begin < n; begin += format.elements, block += format.bytes) {
    format.open(block, open);
    widen_block(format, open, out + begin);
  }
}

}  // namespace hewn
