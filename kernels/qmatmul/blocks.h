#pragma once
// Quantised numbers: blocks of small integers with common scales, as ggml and GGUF files hold them
// (github.com/ggml-org/ggml, src/ggml-common.h). A block is a sequence of bytes, little-endian, at any address; the
// blocks of a row follow each other.

#include <cstdint>
#include <string_view>

namespace hewn {

enum class BlockType : uint8_t { q8_0, q4_0, q4_1, q5_0, q5_1, q2_k, q3_k, q4_k, q5_k, q6_k };

inline constexpr int most_block_elements = 256, most_block_groups = 16;

/// An unpacked block: element i is scale[i / group] * q[i], plus offset[i / group] if the format has offsets.
struct OpenBlock {
  int8_t q[most_block_elements];
  float scale[most_block_groups], offset[most_block_groups];
};

struct BlockFormat {
  BlockType type;
  std::string_view name;  ///< "q4_k"
  int elements;           ///< in a block: 32 or 256
  int bytes;              ///< of a block
  int group;              ///< elements with a common scale
  bool offsets;
  int scale_at;  ///< the first byte of its scale in half precision; the scale of the offsets follows
  void (*open)(const uint8_t* block, OpenBlock& out);
};

const BlockFormat& format_of(BlockType type);

/// Whether a format has vector kernels and encoders.
constexpr bool multiplied_as_they_are(BlockType format) {
  return format == BlockType::q8_0 || format == BlockType::q4_0 || format == BlockType::q5_0 ||
         format == BlockType::q4_k || format == BlockType::q5_k || format == BlockType::q6_k;
}

/// The range of an element's integer in a format that `multiplied_as_they_are` accepts.
struct NumberRange {
  int least, most;
};
[[gnu::always_inline]] inline constexpr NumberRange numbers_in(BlockType format) {
  switch (format) {
    case BlockType::q8_0: return {-128, 127};
    case BlockType::q4_0: return {-8, 7};
    case BlockType::q5_0: return {-16, 15};
    case BlockType::q4_k: return {0, 15};
    case BlockType::q5_k: return {0, 31};
    default: return {-32, 31};  // q6_k
  }
}

/// Replaces the integers of a block's elements by q[i], within `numbers_in(format)`; its scales stay.
void set_numbers(BlockType format, const int8_t* q, uint8_t* block);

/// The values of a block's elements, in float32.
void widen_block(const BlockFormat& format, const OpenBlock& open, float* out);

}  // namespace hewn
