#pragma once
// Rows of tables as texts with labels, divided for training, validation and test.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/tokenizer/tokenizer.h"
#include "train/tables/splits.h"
#include "train/tables/table.h"
#include "train/tasks/classifier.h"
#include "train/tasks/row_batches.h"

namespace hewn {

/// The maximum number of labels of a classifier: a column with more distinct values is unlikely to hold
/// labels.
inline constexpr size_t most_labels = 1000;

/// A text of a table with its label.
struct ClassRow {
  std::string_view text;
  int32_t label = 0;
  const Table* table = nullptr;
  int64_t row = 0;  ///< in the table
};

struct ClassDataOptions {
  std::string data;                 ///< file of the training rows
  std::string val = {}, test = {};  ///< files; "": a part of `data`
  std::string split = "70/10/20";   ///< as `parse_split` reads it; the shares of given files go to training
  std::string text = "text", label = "label";  ///< columns
  std::vector<std::string> labels = {};        ///< in their order; empty: those of `data`, sorted
  uint64_t seed = 1;
  int64_t split_version = rows_together;  ///< `rows_apart` or `rows_together`
};

/// The rows of a classification task.
struct ClassData {
  std::vector<std::unique_ptr<Table>> tables;  ///< owners of the texts
  std::vector<std::string> labels;             ///< by number
  std::vector<ClassRow> train, val, test;      ///< the last two may be empty
  std::vector<std::string> notes;              ///< notes for the user, one sentence each
  uint64_t hash = 0;                           ///< of all texts, labels and the split

  int64_t text_column = 0;  ///< of the first table
};

/// Reads the tables. Throws like `Table`; ErrorCode::input, with file, line and column, for an empty label and for
/// one that is not in `labels` or, in another file, not among the training rows; and if all rows have one label, more
/// than `most_labels` differ, a given label has no training row, or there are no training rows.
ClassData open_class_data(const ClassDataOptions& options);

/// The texts of some rows.
std::vector<std::string_view> texts_of(const std::vector<ClassRow>& rows);
/// The texts of all rows.
std::vector<std::string_view> texts_of(const ClassData& data);

/// Texts as tokens, with counts of those cut or empty.
struct EncodedRows {
  std::vector<LabelledText> texts;
  int64_t cut = 0;      ///< texts of more than max_length tokens, which lost their beginning
  int64_t empty = 0;    ///< texts without tokens
  int64_t longest = 0;  ///< tokens of the longest text, after cutting
};
/// Throws ErrorCode::input, naming file, line and column, for a text that the tokenizer cannot express.
EncodedRows encode_rows(const std::vector<ClassRow>& rows, const TextReader& reader);

/// The treatment of labels of unequal frequency.
enum class Balance : uint8_t {
  none,
  weight,  ///< a row's loss counts by n / (K n_k): n rows of K labels, n_k of this row's label
  sample   ///< every epoch has as many rows of each label as the most frequent one has, by repetition
};
constexpr std::string_view names_of(Balance) { return "none|weight|sample"; }

/// The rows to train on: the label is the target of the last token, and no other token has a target. With
/// Balance::sample, rows of rarer labels are repeated, each equally often except for a remainder drawn by
/// `seed`.
std::vector<TrainingRow> training_rows(const std::vector<LabelledText>& texts, int32_t n_labels,
                                       Balance balance, uint64_t seed);

}  // namespace hewn
