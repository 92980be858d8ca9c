#pragma once
// Chunks of 256 elements of a row of W in registers: eight groups of 32 bytes, with the scales that belong to them. A
// chunk is one block of 256 elements or eight blocks of 32. blocks.cpp describes the blocks. Compiled per instruction
// set; included only by simd*.cpp.

#include "kernels/qmatmul/abi.h"
#include "kernels/simd/vec_bytes.h"

namespace hewn {
namespace {

HEWN_INLINE uint16_t half_at(const uint8_t* from) {
  uint16_t half;
  __builtin_memcpy(&half, from, sizeof half);
  return half;
}
HEWN_INLINE uint32_t word_at(const uint8_t* from) {
  uint32_t word;
  __builtin_memcpy(&word, from, sizeof word);
  return word;
}

/// Groups g and g + 4 of a chunk.
struct Pair {
  Bytes first, last;  ///< the first 16 numbers of both; their last 16
};

// Every format has:
//   bytes                  of a chunk
//   pair<g>()              the numbers of a pair of groups plus `zero`, the zero point
//   is_signed              whether these are; else they are unsigned and at most 63
//   scales(), offsets()    of the eight groups; offsets if has_offsets
//   half_scales()          the integer scales of 16 elements each, in order, if has_halves
//   fours_in_words         how many products of four numbers by four have sums below 2^15, as packed in tiles.h

/// Eight blocks of 32 elements, each with a scale in half precision at its beginning.
template <int bytes_of_block>
struct EightBlocks {
  static constexpr int64_t bytes = 8 * bytes_of_block;
  static constexpr bool has_offsets = false, has_halves = false;
  const uint8_t* w;

  HEWN_INLINE const uint8_t* block(int g) const { return w + g * bytes_of_block; }
  HEWN_INLINE Floats scales() const { return widen_halves(halves_apart<bytes_of_block>(w)); }
};

struct Q8_0 : EightBlocks<34> {
  static constexpr int32_t zero = 0;
  static constexpr bool is_signed = true;
  static constexpr int fours_in_words = 1;
  template <int g>
  HEWN_INLINE Pair pair() const {
    const uint8_t *const a = block(g) + 2, *const b = block(g + 4) + 2;
    return {two_sixteens(a, b), two_sixteens(a + 16, b + 16)};
  }
};

/// Byte i of a block: element i in the low four bits, element i + 16 in the high four bits.
struct Q4_0 : EightBlocks<18> {
  static constexpr int32_t zero = 8;
  static constexpr bool is_signed = false;
  static constexpr int fours_in_words = 8;
  template <int g>
  HEWN_INLINE Pair pair() const {
    const Bytes both = two_sixteens(block(g) + 2, block(g + 4) + 2);
    return {shifted<0>(both, 15), shifted<4>(both, 15)};
  }
};

struct Q5_0 : EightBlocks<22> {
  static constexpr int32_t zero = 16;
  static constexpr bool is_signed = false;
  static constexpr int fours_in_words = 4;
  template <int g>
  HEWN_INLINE Pair pair() const {
    const Bytes both = two_sixteens(block(g) + 6, block(g + 4) + 6);
    const uint32_t a = word_at(block(g) + 2), b = word_at(block(g + 4) + 2);
    return {shifted<0>(both, 15) | where_set((a & 0xffff) | b << 16, 16),
            shifted<4>(both, 15) | where_set(a >> 16 | (b & 0xffff0000), 16)};
  }
};

/// Shared by q4_k and q5_k: 4 bytes with the block's two scales, then 12 bytes with the groups' scales and
/// offsets.
struct SixBitScales {
  static constexpr int32_t zero = 0;
  static constexpr bool has_offsets = true, has_halves = false, is_signed = false;
  const uint8_t* w;

  /// Bytes 0 to 3 hold scales 0 to 3, bytes 4 to 7 offsets 0 to 3, each in the low 6 bits; the high 2 bits
  /// belong to scales and offsets 4 to 7. Bytes 8 to 11 hold their low 4 bits, one scale and one offset per
  /// byte.
  static constexpr uint32_t six = 0x3f3f3f3f, four = 0x0f0f0f0f, upper_two = 0x30303030;
  HEWN_INLINE Floats scales() const {
    const uint32_t first = word_at(w + 4), low = word_at(w + 12);
    return widen_six(first & six, (low & four) | (first >> 2 & upper_two)) * widen_two(word_at(w)).first;
  }
  HEWN_INLINE Floats offsets() const {
    const uint32_t first = word_at(w + 8), low = word_at(w + 12);
    return widen_six(first & six, (low >> 4 & four) | (first >> 2 & upper_two)) * -widen_two(word_at(w)).last;
  }
  HEWN_INLINE static Floats widen_six(uint32_t first, uint32_t last) {
    return to_floats(widen_unsigned(first | uint64_t{last} << 32));
  }
  /// Two groups share 32 bytes.
  template <int g>
  HEWN_INLINE static Pair four_bits(const uint8_t* from) {
    const uint8_t *const a = from + g / 2 * 32, *const b = a + 64;
    return {shifted<g % 2 * 4>(two_sixteens(a, b), 15), shifted<g % 2 * 4>(two_sixteens(a + 16, b + 16), 15)};
  }
};

struct Q4_K : SixBitScales {
  static constexpr int64_t bytes = 144;
  static constexpr int fours_in_words = 8;
  template <int g>
  HEWN_INLINE Pair pair() const {
    return four_bits<g>(w + 16);
  }
};

/// Bit g of a byte is the fifth bit of an element of group g.
struct Q5_K : SixBitScales {
  static constexpr int64_t bytes = 176;
  static constexpr int fours_in_words = 4;
  template <int g>
  HEWN_INLINE Pair pair() const {
    const Pair low = four_bits<g>(w + 48);
    return {low.first | shifted<g - 4>(half_bytes(w + 16), 16),
            low.last | shifted<g - 4>(half_bytes(w + 32), 16)};
  }
};

/// Its scales belong to 16 elements, half a group; they are integers and are applied to the integer sums, which remain
/// below 2^24: 32 products of at most 32 * 127, times 128. Two groups share 32 bytes of lower bits, and four groups 32
/// bytes of upper ones.
struct Q6_K {
  static constexpr int64_t bytes = 210;
  static constexpr int32_t zero = 32;
  static constexpr bool has_offsets = false, has_halves = true, is_signed = false;
  static constexpr int fours_in_words = 4;
  const uint8_t* w;

  template <int g>
  HEWN_INLINE Pair pair() const {
    return {six_bits<g>(w + g % 2 * 32, w + 128), six_bits<g>(w + g % 2 * 32 + 16, w + 144)};
  }
  template <int g>
  HEWN_INLINE static Bytes six_bits(const uint8_t* low, const uint8_t* high) {
    return shifted<g / 2 * 4>(two_sixteens(low, low + 64), 15) |
           shifted<2 * g - 4>(two_sixteens(high, high + 32), 48);
  }
  HEWN_INLINE Floats scales() const { return all_floats(widen_half(half_at(w + 208))); }
  HEWN_INLINE SixteenBytes half_scales() const {
    SixteenBytes s;
    __builtin_memcpy(&s, w + 192, sizeof s);
    return s;
  }
};

/// Rows of x that are multiplied together.
struct QuantisedRows {
  const int8_t* q;
  const float* scale;
  const int32_t* sum;
  int64_t padded;

  QuantisedRows(const QMatmul& a, int64_t m)
      : q(a.x + m * padded_cols(a.K)),
        scale(a.x_scale + m * padded_cols(a.K) / quantised_block),
        sum(a.x_sum + m * padded_cols(a.K) / quantised_block),
        padded(padded_cols(a.K)) {}
};

}  // namespace
}  // namespace hewn
