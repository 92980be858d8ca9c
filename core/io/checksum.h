#pragma once
// The 64-bit checksum that protects checkpoints and identifies tokenizers and data: XXH64 with seed 0, after the
// published specification (Y. Collet, "xxHash fast digest algorithm", section "XXH64 Algorithm Description"). It
// is not cryptographic: it detects accidents, not forgeries. `xxhsum -H64 FILE` prints the same number.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hewn {

/// XXH64 of a stream of bytes. The result does not depend on how the stream is divided into updates.
class Checksum {
 public:
  /// Appends `size` bytes.
  void update(const void* data, size_t size);
  /// The checksum of all bytes so far; more may follow.
  uint64_t value() const;

 private:
  void stripe(const unsigned char* bytes);

  std::array<uint64_t, 4> lanes_ = initial_lanes();
  std::array<unsigned char, 32> rest_{};  // the first total_ % 32 bytes belong to an incomplete stripe
  uint64_t total_ = 0;

  static std::array<uint64_t, 4> initial_lanes();
};

/// The checksum of one piece of memory.
uint64_t checksum(const void* data, size_t size);
inline uint64_t checksum(std::string_view text) { return checksum(text.data(), text.size()); }

/// 16 lower-case hexadecimal digits, most significant first.
std::string to_hex(uint64_t value);

/// The inverse of `to_hex`. Throws ErrorCode::input unless given 16 lower-case hexadecimal digits.
uint64_t from_hex(std::string_view digits);

}  // namespace hewn
