#pragma once
// Converts rows of a table to talks, and talks to training rows.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "train/tables/table.h"
#include "train/tasks/chat_template.h"
#include "train/tasks/row_batches.h"

namespace hewn {

/// The columns of talks: "messages", or "prompt", "input" (may be missing) and "answer".
using TalkColumns = std::map<std::string, std::string>;

/// The columns that hold the talks of a table: those given, else messages, else instruction, input and output,
/// else the only two columns. Throws usage if none of these fits, or for given columns that do not exist.
TalkColumns find_talk_columns(const Table& table, const TalkColumns& given);

/// A row of the table as a talk that ends with the assistant's answer.
struct Talk {
  std::vector<Message> messages;
  std::string instruction, input;  ///< the user's last message in its two parts, for reports
  int64_t line = 0;                ///< in its file, counted from 1; 0: unknown

  const std::string& answer() const { return messages.back().content; }
  /// The talk without its last answer.
  std::span<const Message> prompt() const { return std::span(messages).first(messages.size() - 1); }
};

/// Adds the texts of all messages to a list.
void add_texts(const Talk& talk, std::vector<std::string_view>& texts);

/// The prompt of the last answer: the roles and texts of all messages before it, as one text.
std::string prompt_text(const Talk& talk);

/// Reads one row. Throws input, naming line and column, for missing values, messages that are not objects with
/// "role" and "content", roles other than system (only first), user and assistant, a talk that does not end with
/// the assistant, and an empty prompt or answer.
Talk read_talk(const Table& table, int64_t row, const TalkColumns& columns, const ChatTemplate& chat);

/// The targets of a training row: the assistant's answers only, or every token.
enum class Mask : uint8_t { prompt, none };

/// Training rows, with counts of cut and dropped talks.
struct TalkRows {
  std::vector<TrainingRow> rows;
  std::vector<int64_t> numbers;  ///< of the talks that became rows
  int64_t shortened = 0;         ///< rows cut at max_length
  int64_t dropped = 0;           ///< talks dropped because no part of an answer fits
};

/// One training row of a talk. Padding in a batch is never a target; of the end tokens, only the one that
/// ends an answer is. Tokens beyond max_length are cut off. The row may end up without targets.
TrainingRow training_row(const TalkTokens& talk, Mask mask, int64_t max_length);

TalkRows training_rows(const std::vector<Talk>& talks, const TalkEncoder& encoder, Mask mask,
                       int64_t max_length);

}  // namespace hewn
