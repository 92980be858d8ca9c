#pragma once
// Converts rows of a table to prompts with two answers, and these to training rows.

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

/// The columns "prompt", "input" (may be missing), "chosen" and "rejected" of a table. These are the default
/// names; if there is no column prompt, it is instruction, with input if there is one. Throws usage for
/// columns that do not exist.
TalkColumns find_preference_columns(const Table& table, const TalkColumns& given);

/// Reads one row. Throws input, naming line and column, for missing values, an empty prompt or answer, and for
/// equal answers.
Preference read_preference(const Table& table, int64_t row, const TalkColumns& columns,
                           const ChatTemplate& chat);

using PreferenceData = DividedRows<Preference>;

/// Opens the tables and reads all rows. Throws like `divide_rows`, `find_preference_columns` and `read_preference`.
PreferenceData open_preference_data(const DataFiles& files, const ChatTemplate& chat);

/// Pairs, with counts of cut and dropped rows.
struct PreferencePairs {
  std::vector<PreferencePair> pairs;
  std::vector<int64_t> numbers;  ///< of the rows that became pairs
  int64_t shortened = 0;         ///< pairs with an answer cut at max_length
  int64_t dropped =
      0;  ///< rows dropped because no part of an answer fits, or because the answers differ only beyond
          ///< max_length
};

/// Rows as tokens, cut after max_length tokens.
PreferencePairs preference_pairs(const std::vector<Preference>& rows, const TalkEncoder& encoder,
                                 int64_t max_length);

}  // namespace hewn
