#pragma once
// The n-grams of a text with their counts, for every length up to an order.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/named_tensors.h"

namespace hewn {

/// All distinct n-grams of one length, in the lexicographic order of their tokens. Those that begin with the
/// same shorter n-gram are adjacent, so each stores only its last token.
struct NgramLevel {
  std::vector<int32_t> tokens;  ///< [n] the last token
  std::vector<int32_t> counts;  ///< [n]
  std::vector<int64_t>
      first;  ///< [m + 1] for m n-grams that are one shorter: number j begins first[j], ..., first[j + 1] - 1
};

/// The counts of interpolated Kneser-Ney smoothing (Kneser and Ney, "Improved backing-off for m-gram language
/// modeling", 1995; Chen and Goodman, "An empirical study of smoothing techniques for language modeling", 1998). The
/// longest n-grams are counted as often as they occur. A shorter one is counted once for each distinct token
/// that precedes it, and once for each sequence that begins with it. The first token of a sequence is never
/// predicted, so it does not count as an n-gram of length 1.
class NgramTables {
 public:
  /// Ends a sequence in a text.
  static constexpr int32_t sequence_end = -1;
  static constexpr int64_t most_tokens = (int64_t{1} << 31) - 1;

  /// Tables without n-grams.
  explicit NgramTables(int64_t order);
  /// Counts the n-grams of up to `order` tokens within the sequences of a text; each ends with `sequence_end`. Throws
  /// ErrorCode::input for more than `most_tokens` tokens.
  NgramTables(int64_t order, std::span<const int32_t> text);
  /// The maximum memory, in bytes, for counting a text of `tokens` tokens, including the text.
  static double most_bytes(int64_t order, int64_t vocab_size, int64_t tokens, int64_t sequences);

  int64_t order() const { return static_cast<int64_t>(levels_.size()); }
  /// The n-grams of n tokens, 1 <= n <= order.
  const NgramLevel& level(int64_t n) const { return levels_[static_cast<size_t>(n - 1)]; }
  /// The place of an n-gram of at most order - 1 tokens in its level, 0 for the empty one; nothing if it
  /// never occurred.
  std::optional<int64_t> find(std::span<const int32_t> ngram) const;
  /// The place of the n-gram of length n that extends number `shorter` of the previous level by a token.
  std::optional<int64_t> find(int64_t n, int64_t shorter, int32_t token) const;

  /// As tensors of a file: "ngrams.3.first", "ngrams.3.tokens", "ngrams.3.counts" for each length.
  std::vector<TensorEntry> entries() const;
  /// Reads such tensors and checks everything: types, sizes, order, tokens below `vocab_size`. Throws ErrorCode::input.
  NgramTables(int64_t order, int64_t vocab_size, const NamedTensors& from);

 private:
  void list(std::span<const int32_t> text, const std::vector<int64_t>& places);
  void count_predecessors();
  void count_beginnings(std::span<const int32_t> text);
  NgramLevel& at(int64_t n) { return levels_[static_cast<size_t>(n - 1)]; }

  std::vector<NgramLevel> levels_;  // [order]
};

}  // namespace hewn
