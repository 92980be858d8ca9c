#include "kernels/qmatmul/blocks.h"

#include <cstring>
#include <iterator>

#include "core/dtype.h"

namespace hewn {
namespace {

float half_at(const uint8_t* bytes) {
  Float16 half;
  std::memcpy(&half.bits, bytes, sizeof half.bits);
  return static_cast<float>(half);
}

uint32_t word_at(const uint8_t* bytes) {
  uint32_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

/// The bits of a byte from number `first` on, as many as `mask` has.
unsigned bits(uint8_t byte, int first, unsigned mask) { return static_cast<unsigned>(byte) >> first & mask; }

int8_t small(unsigned number, int zero = 0) { return static_cast<int8_t>(static_cast<int>(number) - zero); }

/// Four bits of each of 32 elements: element i in the lower half of byte i, element i + 16 in the upper half.
unsigned half_byte(const uint8_t* bytes, int i) { return bits(bytes[i % 16], i < 16 ? 0 : 4, 15); }

// {half scale; int8 q[32]}
void open_q8_0(const uint8_t* block, OpenBlock& out) {
  out.scale[0] = half_at(block);
  std::memcpy(out.q, block + 2, 32);
}

// {half scale; 4 bits of q + 8}
void open_q4_0(const uint8_t* block, OpenBlock& out) {
  out.scale[0] = half_at(block);
  for (int i = 0; i < 32; ++i) out.q[i] = small(half_byte(block + 2, i), 8);
}

// {half scale, offset; 4 bits of q}
void open_q4_1(const uint8_t* block, OpenBlock& out) {
  out.scale[0] = half_at(block);
  out.offset[0] = half_at(block + 2);
  for (int i = 0; i < 32; ++i) out.q[i] = small(half_byte(block + 4, i));
}

// {half scale; the fifth bits of q + 16; its 4 lower bits}
void open_q5_0(const uint8_t* block, OpenBlock& out) {
  out.scale[0] = half_at(block);
  const uint32_t fifth = word_at(block + 2);
  for (int i = 0; i < 32; ++i) out.q[i] = small(half_byte(block + 6, i) | (fifth >> i & 1u) << 4, 16);
}

// {half scale, offset; the fifth bits of q; its 4 lower bits}
void open_q5_1(const uint8_t* block, OpenBlock& out) {
  out.scale[0] = half_at(block);
  out.offset[0] = half_at(block + 2);
  const uint32_t fifth = word_at(block + 4);
  for (int i = 0; i < 32; ++i) out.q[i] = small(half_byte(block + 8, i) | (fifth >> i & 1u) << 4);
}

// Of the 256 elements of the following formats, 128 share an array of 32 bytes: two bits of elements l, l + 32, l + 64
// and l + 96 are in byte l.
unsigned two_bits(const uint8_t* bytes, int i) {
  return bits(bytes[i / 128 * 32 + i % 32], i % 128 / 32 * 2, 3);
}

// {scale and offset of each group of 16, 4 bits each; 2 bits of q; half scale of the scales, of the offsets}
void open_q2_k(const uint8_t* block, OpenBlock& out) {
  const float scale = half_at(block + 80), offset = half_at(block + 82);
  for (int g = 0; g < 16; ++g) {
    out.scale[g] = scale * static_cast<float>(block[g] & 15);
    out.offset[g] = -(offset * static_cast<float>(block[g] >> 4));
  }
  for (int i = 0; i < 256; ++i) out.q[i] = small(two_bits(block + 16, i));
}

// {the third bits of q + 4, in bit i / 32 of byte i % 32; its 2 lower bits; 6 bits of each group's scale + 32, the
// lower 4 as half bytes of 8 bytes, the upper 2 in the other 4 bytes; half scale of the scales}
void open_q3_k(const uint8_t* block, OpenBlock& out) {
  const uint8_t *const lower = block + 96, *const upper = block + 104;
  const float scale = half_at(block + 108);
  for (int g = 0; g < 16; ++g) {
    const unsigned low = bits(lower[g % 8], g < 8 ? 0 : 4, 15), high = bits(upper[g % 4], g / 4 * 2, 3);
    out.scale[g] = scale * static_cast<float>(small(low | high << 4, 32));
  }
  for (int i = 0; i < 256; ++i)
    out.q[i] = small(two_bits(block + 32, i) | bits(block[i % 32], i / 32, 1) << 2, 4);
}

/// Scales and offsets of the 8 groups of q4_k and q5_k: {half scale of the scales, of the offsets; 12 bytes}. Of the
/// 6 bits of each, those of groups 0 to 3 are in bytes of their own, whose upper 2 bits are those of groups 4 to 7.
void open_scales(const uint8_t* block, OpenBlock& out) {
  const float scale = half_at(block), offset = half_at(block + 2);
  const uint8_t* const of_scale = block + 4;
  const uint8_t *const of_offset = block + 8, *const lower = block + 12;
  for (int g = 0; g < 8; ++g) {
    const unsigned s =
        g < 4 ? bits(of_scale[g], 0, 63) : bits(lower[g - 4], 0, 15) | bits(of_scale[g - 4], 6, 3) << 4;
    const unsigned m =
        g < 4 ? bits(of_offset[g], 0, 63) : bits(lower[g - 4], 4, 15) | bits(of_offset[g - 4], 6, 3) << 4;
    out.scale[g] = scale * static_cast<float>(s);
    out.offset[g] = -(offset * static_cast<float>(m));
  }
}

/// Four bits of element i, where 64 elements share 32 bytes.
unsigned four_bits(const uint8_t* bytes, int i) {
  return bits(bytes[i / 64 * 32 + i % 32], i % 64 / 32 * 4, 15);
}

// {scales and offsets; 4 bits of q}
void open_q4_k(const uint8_t* block, OpenBlock& out) {
  open_scales(block, out);
  for (int i = 0; i < 256; ++i) out.q[i] = small(four_bits(block + 16, i));
}

// {scales and offsets; the fifth bits of q, in bit i / 32 of byte i % 32; its 4 lower bits}
void open_q5_k(const uint8_t* block, OpenBlock& out) {
  open_scales(block, out);
  for (int i = 0; i < 256; ++i)
    out.q[i] = small(four_bits(block + 48, i) | bits(block[16 + i % 32], i / 32, 1) << 4);
}

// {4 lower bits of q + 32, of elements l and l + 64 of 128 in byte l; its 2 upper bits; int8 scale of each group of 16;
// half scale of the scales}
void open_q6_k(const uint8_t* block, OpenBlock& out) {
  const float scale = half_at(block + 208);
  for (int g = 0; g < 16; ++g) out.scale[g] = scale * static_cast<float>(static_cast<int8_t>(block[192 + g]));
  for (int i = 0; i < 256; ++i) {
    const unsigned low = bits(block[i / 128 * 64 + i % 64], i % 128 / 64 * 4, 15);
    out.q[i] = small(low | two_bits(block + 128, i) << 4, 32);
  }
}

constexpr BlockFormat formats[] = {
    {BlockType::q8_0, "q8_0", 32, 34, 32, false, 0, open_q8_0},
    {BlockType::q4_0, "q4_0", 32, 18, 32, false, 0, open_q4_0},
    {BlockType::q4_1, "q4_1", 32, 20, 32, true, 0, open_q4_1},
    {BlockType::q5_0, "q5_0", 32, 22, 32, false, 0, open_q5_0},
    {BlockType::q5_1, "q5_1", 32, 24, 32, true, 0, open_q5_1},
    {BlockType::q2_k, "q2_k", 256, 84, 16, true, 80, open_q2_k},
    {BlockType::q3_k, "q3_k", 256, 110, 16, false, 108, open_q3_k},
    {BlockType::q4_k, "q4_k", 256, 144, 32, true, 0, open_q4_k},
    {BlockType::q5_k, "q5_k", 256, 176, 32, true, 0, open_q5_k},
    {BlockType::q6_k, "q6_k", 256, 210, 16, false, 208, open_q6_k},
};

constexpr bool in_order() {
  for (size_t i = 0; i < std::size(formats); ++i)
    if (static_cast<size_t>(formats[i].type) != i) return false;
  return true;
}
static_assert(in_order(), "formats are found by the number of their type");

}  // namespace

const BlockFormat& format_of(BlockType type) { return formats[static_cast<size_t>(type)]; }

void widen_block(const BlockFormat& format, const OpenBlock& open, float* out) {
  const int8_t* q = open.q;
  for (int g = 0; g < format.elements / format.group; ++g) {
    const float scale = open.scale[g], offset = format.offsets ? open.offset[g] : 0.0f;
    // Zero is not added where there is no offset: it would change the sign of -0.
    for (int i = 0; i < format.group; ++i, ++q, ++out)
      *out = format.offsets ? scale * static_cast<float>(*q) + offset : scale * static_cast<float>(*q);
  }
}

}  // namespace hewn
