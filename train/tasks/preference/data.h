#pragma once
// Rows of a table as a prompt with two answers, and these as training rows.

#include <cstdint>
#include <vector>

#include "train/tasks/divided_rows.h"
#include "train/tasks/preference/pairs.h"

namespace hewn {

/// A row: two talks that differ in the answer.
struct Preference {
  Talk chosen, rejected;
};

inline std::string prompt_text(const Preference& preference) { return prompt_text(preference.chosen); }

/// The columns "prompt", "input" (may be missing), "chosen" and "rejected" of a table. Those that are not given have
/// these names, but without a column prompt it is instruction, with input beside it if there is one. Throws usage for
/// columns that do not exist.
TalkColumns find_preference_columns(const Table& table, const TalkColumns& given);

/// Reads one row. Throws input, naming line and column, for missing values, an empty prompt or answer, and for
/// equal answers.
Preference read_preference(const Table& table, int64_t row, const TalkColumns& columns,
                           const ChatTemplate& chat);

using PreferenceData = DividedRows<Preference>;

/// Opens the tables and reads all rows. Throws like `divide_rows`, `find_preference_columns` and `read_preference`.
PreferenceData open_preference_data(const DataFiles& files, const ChatTemplate& chat);

/// Pairs and what did not fit.
struct PreferencePairs {
  std::vector<PreferencePair> pairs;
  std::vector<int64_t> numbers;  ///< of the rows that became pairs
  int64_t shortened = 0;         ///< pairs with an answer cut at max_length
  int64_t dropped =
      0;  ///< rows with an answer of which nothing fits, or whose answers differ only beyond max_length
};

/// Rows as tokens, cut after max_length tokens.
PreferencePairs preference_pairs(const std::vector<Preference>& rows, const TalkEncoder& encoder,
                                 int64_t max_length);

}  // namespace hewn
