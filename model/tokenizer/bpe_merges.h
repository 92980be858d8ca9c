#pragma once
// Byte pair encoding (Sennrich, Haddow and Birch 2016, "Neural Machine Translation of Rare Words with Subword
// Units", section 3.2) over bytes: a piece starts as its bytes; then the adjacent pair that was learned first
// is merged, repeatedly, until no known pair is left.

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace hewn {

/// Two adjacent tokens.
struct TokenPair {
  int32_t left = 0, right = 0;
  bool operator==(const TokenPair&) const = default;
};

/// A pair and the token that replaces it; its index in a list of merges is its rank.
struct Merge {
  TokenPair pair;
  int32_t into = 0;
};

/// The merges, indexed by their pair.
class MergeTable {
 public:
  /// `byte_ids` holds the token of each byte. If a pair occurs twice, the first one counts.
  MergeTable(const std::array<int32_t, 256>& byte_ids, const std::vector<Merge>& merges);
  /// The same with explicit ranks instead of list indices. Among pairs of equal rank the leftmost is merged
  /// first.
  MergeTable(const std::array<int32_t, 256>& byte_ids, const std::vector<Merge>& merges,
             const std::vector<int32_t>& ranks);

  /// Appends the tokens of a piece, in O(n log n) time for n bytes.
  void encode(std::string_view piece, std::vector<int32_t>& ids) const;

  /// Merges the tokens from index `first` on, which need not be bytes, in O(n log n) time.
  void merge_from(size_t first, std::vector<int32_t>& ids) const;

 private:
  static constexpr int32_t none = INT32_MAX;
  static constexpr size_t short_piece = 48;  // up to this length, a linear search per merge beats a queue
  using Short = std::array<int32_t, short_piece>;
  struct Slot {
    TokenPair pair{-1, -1};
    int32_t rank = none;
    int32_t into = -1;
  };
  bool place_all(const std::vector<Merge>& merges, const std::vector<int32_t>& ranks, size_t most_steps);
  size_t hash_of(TokenPair pair) const;
  const Slot& find(TokenPair pair) const;
  size_t merge_short(Short& tokens, size_t n) const;
  void merge_long(size_t first, std::vector<int32_t>& ids) const;

  std::array<int32_t, 256> byte_ids_;
  std::vector<Slot> slots_;  // open addressing; a power of two, at most half full
  uint64_t left_factor_ = 0x9E3779B97F4A7C15u, right_factor_ = 0xD1B54A32D192ED03u;
  int hash_shift_ = 0;
};

}  // namespace hewn
