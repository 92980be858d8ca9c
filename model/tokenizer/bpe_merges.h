#pragma once
// Byte pair encoding (Sennrich, Haddow and Birch 2016, "Neural Machine Translation of Rare Words with Subword
// Units", section 3.2) over bytes: a piece begins as its bytes, and the pair of neighbours that was learnt
// first is merged until no known pair is left.

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace hewn {

/// Two neighbouring tokens.
struct TokenPair {
  int32_t left = 0, right = 0;
  bool operator==(const TokenPair&) const = default;
};

/// What becomes one token; the place in a list of them is its rank.
struct Merge {
  TokenPair pair;
  int32_t into = 0;
};

/// The merges, found by their pair.
class MergeTable {
 public:
  /// `byte_ids`: the token of each byte. Of equal pairs the first counts.
  MergeTable(const std::array<int32_t, 256>& byte_ids, const std::vector<Merge>& merges);
  /// The same with ranks that are not the places in the list. Of equal ranks the leftmost pair is merged
  /// first.
  MergeTable(const std::array<int32_t, 256>& byte_ids, const std::vector<Merge>& merges,
             const std::vector<int32_t>& ranks);

  /// Appends the tokens of a piece. Time grows as n log n with its bytes.
  void encode(std::string_view piece, std::vector<int32_t>& ids) const;

  /// Merges the tokens from place `first` on, which need not be bytes. Time as above.
  void merge_from(size_t first, std::vector<int32_t>& ids) const;

 private:
  static constexpr int32_t none = INT32_MAX;
  static constexpr size_t short_piece = 48;  // up to so many, searching all for every merge beats a queue
  using Short = std::array<int32_t, short_piece>;
  struct Slot {
    TokenPair pair{-1, -1};
    int32_t rank = none;
    int32_t into = -1;
  };
  const Slot& find(TokenPair pair) const;
  size_t merge_short(Short& tokens, size_t n) const;
  void merge_long(size_t first, std::vector<int32_t>& ids) const;

  std::array<int32_t, 256> byte_ids_;
  std::vector<Slot> slots_;  // open addressing; a power of two, at most half full
};

}  // namespace hewn
