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

// Every format has:
//   bytes                  of a chunk
//   group<g>()             the 32 numbers of group g plus `zero`, the zero point; unsigned ones are at most 127
//   dot(a, x)              the products of a group and 32 elements of x
//   total(a, b)            lane g: the sum of the products of group g; of groups 0 to 3 and of 4 to 7 joined in fours
//   scales(), offsets()    of the eight groups; offsets if has_offsets
//   half_scale(i)          the integer scale of 16 elements, if has_halves
//   is_signed              whether the numbers are; else they are unsigned
//   fours_in_words         how many products of four elements by four have sums below 2^15

/// Eight blocks of 32 elements, each with a scale in half precision at its beginning.
template <int bytes_of_block>
struct EightBlocks {
  static constexpr int64_t bytes = 8 * bytes_of_block;
  static constexpr bool has_offsets = false, has_halves = false;
  const uint8_t* w;

  HEWN_INLINE Floats scales() const {
    const auto at = [this](int i) { return half_at(w + i * bytes_of_block); };
    return widen_halves(EightHalves{at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7)});
  }
  HEWN_INLINE Ints total(Ints a, Ints b) const { return join_halves(a, b); }
};

struct Q8_0 : EightBlocks<34> {
  static constexpr int32_t zero = 0;
  static constexpr bool is_signed = true;
  static constexpr int fours_in_words = 1;
  template <int g>
  HEWN_INLINE Bytes group() const {
    return load_bytes(w + 34 * g + 2);
  }
  HEWN_INLINE static Ints dot(Bytes a, Bytes x) { return dot_signed(a, x); }
};

struct Q4_0 : EightBlocks<18> {
  static constexpr int32_t zero = 8;
  static constexpr bool is_signed = false;
  static constexpr int fours_in_words = 8;
  template <int g>
  HEWN_INLINE Bytes group() const {
    return half_bytes(w + 18 * g + 2);
  }
  HEWN_INLINE static Ints dot(Bytes a, Bytes x) { return dot_unsigned(a, x); }
};

struct Q5_0 : EightBlocks<22> {
  static constexpr int32_t zero = 16;
  static constexpr bool is_signed = false;
  static constexpr int fours_in_words = 4;
  template <int g>
  HEWN_INLINE Bytes group() const {
    return half_bytes(w + 22 * g + 6) | where_set(word_at(w + 22 * g + 2), 16);
  }
  HEWN_INLINE static Ints dot(Bytes a, Bytes x) { return dot_unsigned(a, x); }
};

/// What q4_k and q5_k share: 4 bytes with the scales of scales and offsets, then 12 bytes with these.
struct SixBitScales {
  static constexpr int32_t zero = 0;
  static constexpr bool has_offsets = true, has_halves = false, is_signed = false;
  const uint8_t* w;

  /// The 6 bits of scales 0 to 3 and of offsets 0 to 3 are in bytes of their own, whose upper 2 bits belong to scales
  /// and offsets 4 to 7; the lower 4 bits of these follow, those of a scale and an offset in a byte.
  static constexpr uint32_t six = 0x3f3f3f3f, four = 0x0f0f0f0f, upper_two = 0x30303030;
  HEWN_INLINE Floats scales() const {
    const uint32_t first = word_at(w + 4), low = word_at(w + 12);
    return widen_six(first & six, (low & four) | (first >> 2 & upper_two)) * widen_half(half_at(w));
  }
  HEWN_INLINE Floats offsets() const {
    const uint32_t first = word_at(w + 8), low = word_at(w + 12);
    return widen_six(first & six, (low >> 4 & four) | (first >> 2 & upper_two)) * -widen_half(half_at(w + 2));
  }
  HEWN_INLINE static Floats widen_six(uint32_t first, uint32_t last) {
    return to_floats(widen_unsigned(first | uint64_t{last} << 32));
  }
  HEWN_INLINE Ints total(Ints a, Ints b) const { return join_halves(a, b); }
  HEWN_INLINE static Ints dot(Bytes a, Bytes x) { return dot_unsigned(a, x); }
  /// Two groups share 32 bytes.
  template <int g>
  HEWN_INLINE Bytes four_bits(const uint8_t* from) const {
    return shifted<g % 2 * 4>(load_bytes(from + g / 2 * 32), 15);
  }
};

struct Q4_K : SixBitScales {
  static constexpr int64_t bytes = 144;
  static constexpr int fours_in_words = 8;
  template <int g>
  HEWN_INLINE Bytes group() const {
    return four_bits<g>(w + 16);
  }
};

struct Q5_K : SixBitScales {
  static constexpr int64_t bytes = 176;
  static constexpr int fours_in_words = 4;
  template <int g>
  HEWN_INLINE Bytes group() const {
    return four_bits<g>(w + 48) | shifted<g - 4>(load_bytes(w + 16), 16);
  }
};

/// Its scales belong to 16 elements, half a group; they are integers and are applied to the integer sums, which remain
/// below 2^24: 32 products of at most 32 * 127, times 128.
struct Q6_K {
  static constexpr int64_t bytes = 210;
  static constexpr int32_t zero = 0;
  static constexpr bool has_offsets = false, has_halves = true, is_signed = true;
  static constexpr int fours_in_words = 4;
  const uint8_t* w;

  template <int g>
  HEWN_INLINE Bytes group() const {
    constexpr int half = g / 4, i = g % 4;
    const Bytes low = shifted<i / 2 * 4>(load_bytes(w + half * 64 + i % 2 * 32), 15);
    return (low | shifted<2 * i - 4>(load_bytes(w + 128 + half * 32), 48)) - 32;
  }
  HEWN_INLINE static Ints dot(Bytes a, Bytes x) { return dot_signed(a, x); }
  HEWN_INLINE Ints total(Ints a, Ints b) const {
    SixteenBytes s;
    __builtin_memcpy(&s, w + 192, sizeof s);
    s = __builtin_shufflevector(s, s, 0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15);
    return join_halves(a * widen_first(s), b * widen_last(s));
  }
  HEWN_INLINE Floats scales() const { return all_floats(widen_half(half_at(w + 208))); }
  HEWN_INLINE int8_t half_scale(int i) const { return static_cast<int8_t>(w[192 + i]); }
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
