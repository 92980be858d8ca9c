#pragma once
// Blocks as GPU threads open them: eight elements of a row, a unit, at a time. blocks.cpp describes the blocks.

#include "kernels/gpu/simt/simt.h"

namespace hewn {
namespace {

constexpr int unit_elements = 8;

/// Elements in the bytes of two words, the first one lowest: scale * (byte - zero of the format), plus the
/// offset if any.
struct Unit {
  unsigned words[2];
  float scale, offset;
};

/// Four bytes at p, a multiple of A.
template <int A>
__device__ __forceinline__ unsigned word_at(const uint8_t* p) {
  if constexpr (A >= 4)
    return vector_at<unsigned>(p);
  else if constexpr (A == 2)
    return vector_at<uint16_t>(p) | unsigned{vector_at<uint16_t>(p + 2)} << 16;
  else
    return p[0] | unsigned{p[1]} << 8 | unsigned{p[2]} << 16 | unsigned{p[3]} << 24;
}
template <int A>
__device__ __forceinline__ float half_at(const uint8_t* p) {
  if constexpr (A >= 2)
    return to_float(f16{vector_at<uint16_t>(p)});
  else
    return to_float(f16{static_cast<uint16_t>(p[0] | p[1] << 8)});
}

constexpr unsigned four_bits = 0x0f0f0f0f, one_bit = 0x01010101;

// Every format has the `elements` and `bytes` of a block, the `alignment` of blocks in an aligned matrix, the
// `zero` of a unit's bytes, and unit<A>(block, u), unit u of a block at a multiple of A.

struct Q8Units {
  static constexpr int elements = 32, bytes = 34;
  static constexpr bool has_offsets = false;
  static constexpr int alignment = 2, zero = 0;
  template <int A>
  static __device__ Unit unit(const uint8_t* block, int u) {
    const uint8_t* const q = block + 2 + 8 * u;
    return {{word_at<A>(q), word_at<A>(q + 4)}, half_at<A>(block), 0};
  }
};

/// Bytes i of 16 hold elements i and i + 16, in their lower and upper halves.
template <int A>
__device__ __forceinline__ unsigned half_bytes(const uint8_t* q, int u, int word) {
  return word_at<A>(q + u % 2 * 8 + 4 * word) >> u / 2 * 4 & four_bits;
}

struct Q4Units {
  static constexpr int elements = 32, bytes = 18;
  static constexpr bool has_offsets = false;
  static constexpr int alignment = 2, zero = 8;
  template <int A>
  static __device__ Unit unit(const uint8_t* block, int u) {
    return {{half_bytes<A>(block + 2, u, 0), half_bytes<A>(block + 2, u, 1)}, half_at<A>(block), 0};
  }
};

struct Q5Units {
  static constexpr int elements = 32, bytes = 22;
  static constexpr bool has_offsets = false;
  static constexpr int alignment = 2, zero = 16;
  template <int A>
  static __device__ Unit unit(const uint8_t* block, int u) {
    const unsigned fifth = word_at<A>(block + 2) >> 8 * u;
    return {
        {half_bytes<A>(block + 6, u, 0) | spread(fifth), half_bytes<A>(block + 6, u, 1) | spread(fifth >> 4)},
        half_at<A>(block),
        0};
  }
  /// Bit i becomes bit 4 of byte i, for the four lowest bits.
  static __device__ unsigned spread(unsigned bits) {
    return (bits & 1) << 4 | (bits & 2) << 11 | (bits & 4) << 18 | (bits & 8) << 25;
  }
};

/// Scale and offset of group g of q4_k and q5_k, six bits each.
template <int A>
__device__ __forceinline__ void set_scales(const uint8_t* block, int g, Unit& unit) {
  const uint8_t *const s = block + 4, *const m = block + 8, *const low = block + 12;
  const int scale = g < 4 ? s[g] & 63 : (low[g - 4] & 15) | s[g - 4] >> 6 << 4;
  const int offset = g < 4 ? m[g] & 63 : low[g - 4] >> 4 | m[g - 4] >> 6 << 4;
  unit.scale = __fmul_rn(half_at<A>(block), static_cast<float>(scale));
  unit.offset = -__fmul_rn(half_at<A>(block + 2), static_cast<float>(offset));
}

struct Q4KUnits {
  static constexpr int elements = 256, bytes = 144;
  static constexpr bool has_offsets = true;
  static constexpr int alignment = 4, zero = 0;
  template <int A>
  static __device__ Unit unit(const uint8_t* block, int u) {
    const int g = u / 4;
    const uint8_t* const q = block + 16 + g / 2 * 32 + u % 4 * 8;
    Unit unit{{word_at<A>(q) >> g % 2 * 4 & four_bits, word_at<A>(q + 4) >> g % 2 * 4 & four_bits}, 0, 0};
    set_scales<A>(block, g, unit);
    return unit;
  }
};

struct Q5KUnits {
  static constexpr int elements = 256, bytes = 176;
  static constexpr bool has_offsets = true;
  static constexpr int alignment = 4, zero = 0;
  template <int A>
  static __device__ Unit unit(const uint8_t* block, int u) {
    const int g = u / 4;
    const uint8_t *const q = block + 48 + g / 2 * 32 + u % 4 * 8, *const fifth = block + 16 + u % 4 * 8;
    Unit unit{};
    for (int i = 0; i < 2; ++i)
      unit.words[i] =
          (word_at<A>(q + 4 * i) >> g % 2 * 4 & four_bits) | (word_at<A>(fifth + 4 * i) >> g & one_bit) << 4;
    set_scales<A>(block, g, unit);
    return unit;
  }
};

/// Its integers are centred on zero, so no sum of inputs is needed.
struct Q6KUnits {
  static constexpr int elements = 256, bytes = 210;
  static constexpr bool has_offsets = false;
  static constexpr int alignment = 2, zero = 0;
  template <int A>
  static __device__ Unit unit(const uint8_t* block, int u) {
    const int half = u / 16, part = u % 16 / 4, at = u % 4 * 8;  // 128 elements are four parts of 32
    const uint8_t *const low = block + half * 64 + part % 2 * 32 + at, *const high =
                                                                           block + 128 + half * 32 + at;
    Unit unit{};
    for (int i = 0; i < 2; ++i)
      unit.words[i] = around_zero((word_at<A>(low + 4 * i) >> part / 2 * 4 & four_bits) |
                                  (word_at<A>(high + 4 * i) >> 2 * part & 0x03030303u) << 4);
    const auto scale = static_cast<int8_t>(block[192 + u / 2]);
    unit.scale = __fmul_rn(half_at<A>(block + 208), static_cast<float>(scale));
    return unit;
  }
  /// Every byte, at most 63, minus 32: the upper bit keeps the subtraction from borrowing from the next byte.
  static __device__ unsigned around_zero(unsigned bytes) {
    return ((bytes | 0x80808080u) - 0x20202020u) ^ 0x80808080u;
  }
};

}  // namespace
}  // namespace hewn
