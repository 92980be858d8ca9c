// Blocks of quantised numbers, taken apart by hand.

#include "model/weights/large_pages.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "core/dtype.h"
#include "tests/support/catch.h"

namespace hewn {
namespace {

using Bytes = std::vector<uint8_t>;

void put_half(Bytes& block, size_t at, float value) {
  const Float16 half(value);
  std::memcpy(block.data() + at, &half.bits, 2);
}

std::vector<float> widened(BlockType type, const Bytes& block) {
  const BlockFormat& format = format_of(type);
  REQUIRE(block.size() == static_cast<size_t>(format.bytes));
  std::vector<float> values(static_cast<size_t>(format.elements));
  CHECK(blocks_are_finite(format, block.data(), format.elements));
  widen_blocks(format, block.data(), format.elements, values.data());
  return values;
}

}  // namespace

TEST_CASE("blocks of 32: half bytes, offsets and fifth bits", "[blocks]") {
  Bytes four(18);
  put_half(four, 0, 0.5f);
  four[2 + 3] = 0xe1;  // elements 3 and 19: 1 - 8 and 14 - 8
  const auto q4_0 = widened(BlockType::q4_0, four);
  CHECK(q4_0[3] == -3.5f);
  CHECK(q4_0[19] == 3.0f);
  CHECK(q4_0[0] == -4.0f);

  Bytes five(24);
  put_half(five, 0, 0.5f);
  put_half(five, 2, -2.0f);
  five[4 + 2] = 0x08;  // the fifth bit of element 19
  five[8 + 3] = 0xe1;
  const auto q5_1 = widened(BlockType::q5_1, five);
  CHECK(q5_1[3] == 0.5f * 1 - 2);
  CHECK(q5_1[19] == 0.5f * 30 - 2);
  CHECK(q5_1[0] == -2.0f);
}

TEST_CASE("blocks of 256: a group's scale and offset in 6 bits", "[blocks]") {
  Bytes block(144);
  put_half(block, 0, 2.0f);
  put_half(block, 2, 0.5f);
  block[4 + 1] = 0x80 | 9;    // group 1: scale 9; the upper bits, 2, of group 5's scale
  block[8 + 1] = 0x40 | 3;    // group 1: offset 3; the upper bits, 1, of group 5's offset
  block[12 + 1] = 0x75;       // group 5: the lower bits 5 of its scale, 7 of its offset
  block[16 + 4] = 0xb0;       // group 1, element 4: 11
  block[16 + 64 + 4] = 0xc0;  // group 5, element 4: 12
  const auto values = widened(BlockType::q4_k, block);
  CHECK(values[32 + 4] == 2.0f * 9 * 11 - 0.5f * 3);
  CHECK(values[32] == -0.5f * 3);
  CHECK(values[5 * 32 + 4] == 2.0f * (2 * 16 + 5) * 12 - 0.5f * (16 + 7));
  CHECK(values[0] == 0.0f);
}

TEST_CASE("blocks: minus zero stays, and scales that are not finite are reported", "[blocks]") {
  Bytes block(34);
  put_half(block, 0, -1.0f);
  std::vector<float> values(32);
  const BlockFormat& format = format_of(BlockType::q8_0);
  CHECK(blocks_are_finite(format, block.data(), 32));
  widen_blocks(format, block.data(), 32, values.data());
  CHECK(std::signbit(values[0]));
  put_half(block, 0, INFINITY);
  CHECK_FALSE(blocks_are_finite(format, block.data(), 32));
  put_half(block, 0, NAN);
  CHECK_FALSE(blocks_are_finite(format, block.data(), 32));
  // The first of two, and an offset.
  block.resize(2 * 34);
  put_half(block, 34, 1.0f);
  CHECK_FALSE(blocks_are_finite(format, block.data(), 64));
  put_half(block, 0, 1.0f);
  CHECK(blocks_are_finite(format, block.data(), 64));
  Bytes with_offset(static_cast<size_t>(format_of(BlockType::q5_1).bytes));
  put_half(with_offset, 2, INFINITY);
  CHECK_FALSE(blocks_are_finite(format_of(BlockType::q5_1), with_offset.data(), 32));
}

}  // namespace hewn
