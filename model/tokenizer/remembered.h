#pragma once
// A cache of tokenized words for encoding, since words repeat.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace hewn::tokenizers {

/// The tokens of short pieces. Bytes and tokens are stored in the table itself, two pieces per slot, because
/// following a pointer would usually miss the processor's caches. A new piece replaces the older one in its slot.
template <size_t most_tokens>
class Remembered {
 public:
  explicit Remembered(size_t text_bytes)
      : pairs_(std::bit_ceil(std::clamp<size_t>(text_bytes / 32, 16, 1 << 16))) {}

  /// Appends the tokens of a piece to `ids`. If the piece is not in the cache, `encode()` must append them.
  template <class Encode>
  void append(std::string_view piece, std::vector<int32_t>& ids, const Encode& encode) {
    const Key key(piece);
    if (!key.fits) return encode();
    std::array<Place, 2>& pair = pairs_[key.hash() & (pairs_.size() - 1)];
    for (const Place& place : pair)
      if (place.size == piece.size() && place.low == key.low && place.high == key.high) {
        ids.insert(ids.end(), place.tokens.begin(), place.tokens.begin() + place.count);
        return;
      }
    const size_t first = ids.size();
    encode();
    const size_t count = ids.size() - first;
    if (count > most_tokens) return;
    pair[1] = pair[0];
    pair[0] = {key.low, key.high, static_cast<uint16_t>(piece.size()), static_cast<uint16_t>(count), {}};
    std::copy_n(ids.begin() + static_cast<std::ptrdiff_t>(first), count, pair[0].tokens.begin());
  }

 private:
  /// The bytes of a piece of 1 to 16 bytes as two numbers, which together with its size identify it.
  struct Key {
    uint64_t low = 0, high = 0;
    bool fits;

    explicit Key(std::string_view piece) : fits(!piece.empty() && piece.size() <= 16) {
      const auto load = [&]<class T>(size_t at, T) {
        T value;
        std::memcpy(&value, piece.data() + at, sizeof value);
        return uint64_t{value};
      };
      const size_t n = piece.size();
      if (!fits) return;
      if (n >= 8) {
        low = load(0, uint64_t{});
        high = load(n - 8, uint64_t{});
      } else if (n >= 4) {
        low = load(0, uint32_t{}) | load(n - 4, uint32_t{}) << 32;
      } else {
        low = load(0, uint8_t{}) | load(n / 2, uint8_t{}) << 8 | load(n - 1, uint8_t{}) << 16 | n << 24;
      }
    }
    size_t hash() const {
      const uint64_t mixed = (low ^ std::rotl(high, 31)) * 0x9E3779B97F4A7C15u;
      return static_cast<size_t>(mixed ^ mixed >> 32);
    }
  };
  struct Place {
    uint64_t low = 0, high = 0;
    uint16_t size = 0, count = 0;  // in bytes and tokens; no piece has 0 bytes
    std::array<int32_t, most_tokens> tokens;
  };
  std::vector<std::array<Place, 2>> pairs_;
};

}  // namespace hewn::tokenizers
