#include <cstring>

#include "core/dtype.h"
#include "kernels/qmatmul/encode/search.h"

namespace hewn {
namespace {

/// Adding zero makes -0 positive: zeros have one pattern.
void put_half(float value, uint8_t* to) {
  const Float16 half(value + 0.0f);
  std::memcpy(to, &half.bits, sizeof half.bits);
}

/// The bits of an integer from number `first` on, as many as `mask` has, moved to number `to`.
uint8_t field(int number, int first, unsigned mask, int to = 0) {
  return static_cast<uint8_t>((static_cast<unsigned>(number) >> first & mask) << to);
}
uint8_t joined(uint8_t a, uint8_t b) { return static_cast<uint8_t>(a | b); }

void numbers_q8_0(const int8_t* q, uint8_t* block) { std::memcpy(block + 2, q, 32); }

/// Four bits of each of 32 integers, of element i in the lower half of byte i, of element i + 16 in the upper half.
void half_bytes(const int8_t* q, int zero, uint8_t* to) {
  for (int i = 0; i < 16; ++i) to[i] = joined(field(q[i] + zero, 0, 15), field(q[i + 16] + zero, 0, 15, 4));
}

void numbers_q4_0(const int8_t* q, uint8_t* block) { half_bytes(q, 8, block + 2); }

void numbers_q5_0(const int8_t* q, uint8_t* block) {
  uint32_t fifth = 0;
  for (int i = 0; i < 32; ++i) fifth |= static_cast<uint32_t>(field(q[i] + 16, 4, 1)) << i;
  std::memcpy(block + 2, &fifth, sizeof fifth);
  half_bytes(q, 16, block + 6);
}

/// The four lower bits of each integer, those of 64 integers in 32 bytes.
void four_bits(const int8_t* q, uint8_t* to) {
  for (int half = 0; half < 4; ++half)
    for (int i = 0; i < 32; ++i)
      to[32 * half + i] = joined(field(q[64 * half + i], 0, 15), field(q[64 * half + 32 + i], 0, 15, 4));
}

void numbers_q4_k(const int8_t* q, uint8_t* block) { four_bits(q, block + 16); }

void numbers_q5_k(const int8_t* q, uint8_t* block) {
  std::memset(block + 16, 0, 32);
  for (int g = 0; g < 8; ++g)
    for (int i = 0; i < 32; ++i) block[16 + i] = joined(block[16 + i], field(q[32 * g + i], 4, 1, g));
  four_bits(q, block + 48);
}

void numbers_q6_k(const int8_t* numbers, uint8_t* block) {
  for (int half = 0; half < 2; ++half) {
    const int8_t* q = numbers + 128 * half;
    uint8_t *const low = block + 64 * half, *const high = block + 128 + 32 * half;
    for (int i = 0; i < 64; ++i) low[i] = joined(field(q[i] + 32, 0, 15), field(q[i + 64] + 32, 0, 15, 4));
    for (int i = 0; i < 32; ++i)
      high[i] = joined(joined(field(q[i] + 32, 4, 3), field(q[i + 32] + 32, 4, 3, 2)),
                       joined(field(q[i + 64] + 32, 4, 3, 4), field(q[i + 96] + 32, 4, 3, 6)));
  }
}

/// The scale of the only group of a block of 32.
void one_scale(const BlockParts& parts, uint8_t* block) { put_half(parts.super.scale, block); }

/// The 16 bytes before the integers of q4_k and q5_k, as open_scales reads them.
void six_bit_scales(const BlockParts& parts, uint8_t* block) {
  put_half(parts.super.scale, block);
  put_half(parts.super.offset, block + 2);
  const int8_t *const s = parts.group_scale, *const m = parts.group_offset;
  for (int g = 0; g < 4; ++g) {
    block[4 + g] = joined(field(s[g], 0, 63), field(s[g + 4], 4, 3, 6));
    block[8 + g] = joined(field(m[g], 0, 63), field(m[g + 4], 4, 3, 6));
    block[12 + g] = joined(field(s[g + 4], 0, 15), field(m[g + 4], 0, 15, 4));
  }
}

void scales_q6_k(const BlockParts& parts, uint8_t* block) {
  std::memcpy(block + 192, parts.group_scale, 16);
  put_half(parts.super.scale, block + 208);
}

/// How a format's block is put together.
struct Closing {
  void (*scales)(const BlockParts& parts, uint8_t* block);
  void (*numbers)(const int8_t* q, uint8_t* block);
};
Closing closing_of(BlockType format) {
  switch (format) {
    case BlockType::q8_0: return {one_scale, numbers_q8_0};
    case BlockType::q4_0: return {one_scale, numbers_q4_0};
    case BlockType::q5_0: return {one_scale, numbers_q5_0};
    case BlockType::q4_k: return {six_bit_scales, numbers_q4_k};
    case BlockType::q5_k: return {six_bit_scales, numbers_q5_k};
    default: return {scales_q6_k, numbers_q6_k};
  }
}

}  // namespace

void close_block(BlockType format, const BlockParts& parts, uint8_t* block) {
  closing_of(format).scales(parts, block);
  set_numbers(format, parts.q, block);
}

void set_numbers(BlockType format, const int8_t* q, uint8_t* block) { closing_of(format).numbers(q, block); }

}  // namespace hewn
