#include "train/tasks/preference/data.h"

#include <algorithm>

#include "core/error.h"

namespace hewn {
namespace {

/// The columns of a talk with one of the answers.
TalkColumns talk_columns(TalkColumns columns, const char* answer) {
  columns["answer"] = columns.at(answer);
  columns.erase("chosen");
  columns.erase("rejected");
  return columns;
}

bool has_target(const TrainingRow& row) {
  return std::any_of(row.targets.begin(), row.targets.end(),
                     [](int32_t target) { return target != ignored_target; });
}

}  // namespace

TalkColumns find_preference_columns(const Table& table, const TalkColumns& given) {
  const auto has = [&](const char* name) {
    const auto& names = table.columns();
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  TalkColumns columns = given;
  if (!given.count("prompt")) {
    const bool alpaca = !has("prompt") && has("instruction");
    columns["prompt"] = alpaca ? "instruction" : "prompt";
    if (alpaca && has("input")) columns.emplace("input", "input");
  }
  for (const char* answer : {"chosen", "rejected"}) columns.emplace(answer, answer);
  for (const auto& column : columns) table.column(column.second);
  return columns;
}

Preference read_preference(const Table& table, int64_t row, const TalkColumns& columns,
                           const ChatTemplate& chat) {
  Preference preference{read_talk(table, row, talk_columns(columns, "chosen"), chat),
                        read_talk(table, row, talk_columns(columns, "rejected"), chat)};
  if (preference.chosen.answer() == preference.rejected.answer())
    fail(ErrorCode::input, table.where(row, table.column(columns.at("rejected"))),
         ": is equal to the chosen answer; expected a different one");
  return preference;
}

PreferenceData open_preference_data(const DataFiles& files, const ChatTemplate& chat) {
  return divide_rows<Preference>(
      files, find_preference_columns,
      [&](const Table& table, int64_t row, const TalkColumns& columns, int64_t line) {
        Preference preference = read_preference(table, row, columns, chat);
        preference.chosen.line = preference.rejected.line = line;
        return preference;
      });
}

PreferencePairs preference_pairs(const std::vector<Preference>& rows, const TalkEncoder& encoder,
                                 int64_t max_length) {
  PreferencePairs all;
  for (size_t i = 0; i < rows.size(); ++i) {
    PreferencePair pair;
    bool shortened = false;
    const auto row_of = [&](const Talk& talk) {
      const TalkTokens tokens = encoder.talk(talk.messages);
      shortened |= std::ssize(tokens.tokens) - 1 > max_length;
      return training_row(tokens, Mask::prompt, max_length);
    };
    pair.chosen = row_of(rows[i].chosen);
    pair.rejected = row_of(rows[i].rejected);
    const bool differ =
        pair.chosen.tokens != pair.rejected.tokens || pair.chosen.targets != pair.rejected.targets;
    if (!differ || !has_target(pair.chosen) || !has_target(pair.rejected)) {
      ++all.dropped;
      continue;
    }
    all.shortened += shortened;
    all.pairs.push_back(std::move(pair));
    all.numbers.push_back(static_cast<int64_t>(i));
  }
  return all;
}

}  // namespace hewn
