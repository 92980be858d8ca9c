#pragma once
// The words of a text come again and again: what was made of them is kept while it is encoded.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace hewn::tokenizers {

/// Where in the tokens written so far a piece was encoded before. A table of one place per hash: what does
/// not fit takes the place of what was there.
class Remembered {
 public:
  explicit Remembered(size_t text_bytes)
      : slots_(std::bit_ceil(std::clamp<size_t>(text_bytes / 16, 16, 1 << 16))) {}

  struct Slot {
    std::string_view piece;
    size_t begin = 0, end = 0;  // among the tokens
  };
  /// The slot of a piece: about it if its `piece` is equal, else to be filled.
  Slot& slot_for(std::string_view piece) { return slots_[hash_of(piece) & (slots_.size() - 1)]; }

 private:
  static size_t hash_of(std::string_view piece) {
    uint64_t hash = piece.size();
    for (size_t at = 0; at < piece.size(); at += 8) {
      uint64_t eight = 0;
      std::memcpy(&eight, piece.data() + at, std::min<size_t>(8, piece.size() - at));
      hash = (hash ^ eight) * 0x9E3779B97F4A7C15u;
      hash ^= hash >> 29;
    }
    return static_cast<size_t>(hash);
  }
  std::vector<Slot> slots_;
};

}  // namespace hewn::tokenizers
