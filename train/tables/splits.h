#pragma once
// Divides rows into training, validation and test rows.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hewn {

/// Fractions of the rows; their sum is 1.
struct SplitShares {
  double train = 1, val = 0, test = 0;
};

/// Parses "70/10/20" (training, validation, test), "80/20" (training, test) or fractions such as "0.7/0.1/0.2".
/// Throws usage for anything else: numbers that are negative, a first one of 0, or a sum that is neither 100 nor 1.
SplitShares parse_split(std::string_view text);

/// The shares if validation or test rows come from another file: their share of these rows is for training.
SplitShares remaining_shares(SplitShares shares, bool has_val, bool has_test);

/// Row numbers, ascending.
struct RowSplit {
  std::vector<int64_t> train, val, test;
};

/// How rows with the same text are divided; a run keeps its rule.
inline constexpr int64_t rows_apart = 1;     ///< independently of each other
inline constexpr int64_t rows_together = 2;  ///< all on the same side

/// Divides rows 0 to n - 1, stratified: each side has its share of the rows of every label, give or take one
/// row, and its share of all rows, give or take one row per label with a single row, which is used for training.
/// `labels[i]`, from 0, is the label of row i; rows without labels all have the same one. Unless `first` is empty, rows
/// with the same `first[i]`, which is the first of them, stay together and count as rows of that one's label;
/// if a group does not fit exactly, sides differ from their shares by at most half of it. Every label keeps a
/// training row. Depends only on the labels, the shares, the seed and `first`.
RowSplit split_rows(std::span<const int64_t> labels, const SplitShares& shares, uint64_t seed,
                    std::span<const int64_t> first = {});

/// For each text, the index of the first one with the same bytes. Adds a note for users on how many texts are repeated;
/// `what` is "text" or "prompt".
std::vector<int64_t> kept_together(std::string_view what, std::span<const std::string_view> texts,
                                   std::vector<std::string>& notes);

/// Adds a note if rows of a side, "validation" or "test", have the text of a training row.
void note_overlap(std::string_view what, std::string_view side, std::span<const std::string_view> texts,
                  std::vector<std::string_view> train, std::vector<std::string>& notes);

}  // namespace hewn
