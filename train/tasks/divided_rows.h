#pragma once
// The rows of a data file, divided into training, validation and test rows.

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "core/io/checksum.h"
#include "train/tables/splits.h"
#include "train/tables/table.h"
#include "train/tasks/instruct_rows.h"

namespace hewn {

/// Files of rows.
struct DataFiles {
  std::string data;                ///< the table
  std::string val, test;           ///< tables for these sides instead of parts of `data`; "": none
  std::string split = "70/10/20";  ///< of `data` (`parse_split`)
  TalkColumns columns = {};        ///< name of the split, as given
  uint64_t seed = 1;               ///< of the split
  int64_t split_version =
      rows_together;  ///< `rows_apart` or `rows_together`; the text of a row is its prompt
};

template <class Row>
struct DividedRows {
  TalkColumns columns;  ///< of `data`
  std::vector<Row> train, val, test;
  uint64_t hash = 0;               ///< of all files and of the split
  std::vector<std::string> notes;  ///< notes for the user, one sentence each
};

/// Opens the tables and reads all rows. `find_columns(table, given)` returns the columns to read,
/// `read(table, row, columns, line)` a row, whose line in the file is counted from 1, and `prompt_text(row)`
/// its prompt. Throws like these, `Table` and `parse_split`.
template <class Row, class FindColumns, class Read>
DividedRows<Row> divide_rows(const DataFiles& files, const FindColumns& find_columns, const Read& read) {
  const SplitShares shares =
      remaining_shares(parse_split(files.split), !files.val.empty(), !files.test.empty());
  std::vector<std::string> names;
  for (const auto& given : files.columns) names.push_back(given.second);
  DividedRows<Row> result;
  Checksum sum;
  const auto count_in = [&](std::string_view text) { sum.update(text.data(), text.size()); };
  const auto rows_in = [&](const std::string& path, TalkColumns& columns) {
    const Table table = open_table(path, {.columns = names});
    columns = find_columns(table, files.columns);
    count_in(table.source());
    const std::vector<int64_t> lines = table.row_lines();
    std::vector<Row> rows;
    for (int64_t row = 0; row < table.rows(); ++row)
      rows.push_back(read(table, row, columns, lines[static_cast<size_t>(row)]));
    return rows;
  };
  std::deque<std::string> prompts;
  const auto prompts_of = [&](const std::vector<Row>& some) {
    std::vector<std::string_view> texts;
    for (const Row& row : some) texts.push_back(prompts.emplace_back(prompt_text(row)));
    return texts;
  };
  std::vector<Row> rows = rows_in(files.data, result.columns);
  count_in(files.split);
  count_in(std::to_string(files.seed));
  std::vector<int64_t> first;
  if (files.split_version == rows_together) {
    first = kept_together("prompt", prompts_of(rows), result.notes);
    count_in(std::to_string(files.split_version));
  }
  const RowSplit split = split_rows(std::vector<int64_t>(rows.size(), 0), shares, files.seed, first);
  const auto move_to = [&](const std::vector<int64_t>& numbers, std::vector<Row>& side) {
    for (const int64_t number : numbers) side.push_back(std::move(rows[static_cast<size_t>(number)]));
  };
  move_to(split.train, result.train);
  move_to(split.val, result.val);
  move_to(split.test, result.test);
  TalkColumns of_other;
  if (!files.val.empty()) result.val = rows_in(files.val, of_other);
  if (!files.test.empty()) result.test = rows_in(files.test, of_other);
  note_overlap("prompt", "validation", prompts_of(result.val), prompts_of(result.train), result.notes);
  note_overlap("prompt", "test", prompts_of(result.test), prompts_of(result.train), result.notes);
  result.hash = sum.value();
  return result;
}

}  // namespace hewn
