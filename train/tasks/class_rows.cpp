#include "train/tasks/class_rows.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "core/io/checksum.h"
#include "train/tables/splits.h"

namespace hewn {
namespace {

/// "ham, spam or 12 others", for messages.
std::string quoted_list(const std::vector<std::string>& labels) {
  constexpr size_t shown = 10;
  std::string text;
  for (size_t i = 0; i < std::min(shown, labels.size()); ++i)
    text += (i == 0 ? "" : i + 1 == labels.size() ? " or " : ", ") + ("\"" + labels[i] + "\"");
  return labels.size() > shown ? join(text, " or ", labels.size() - shown, " others") : text;
}

/// A table whose rows are read as texts with labels.
class LabelledTable {
 public:
  LabelledTable(const std::string& path, const ClassDataOptions& options)
      : table_(std::make_unique<Table>(MappedFile(path),
                                       TableOptions{.columns = {options.text, options.label}})),
        text_(table_->column(options.text)),
        label_(table_->column(options.label)) {
    require(text_ != label_, table_->name(), ": text = ", options.text, " and label = ", options.label,
            " are the same column; name two");
  }

  /// The label of a row as it is written.
  std::string_view label(int64_t row) const {
    const std::string_view label = table_->text(row, label_);
    if (label.empty()) fail(ErrorCode::input, table_->where(row, label_), ": the label is empty");
    return label;
  }
  /// All rows, which must have these labels.
  std::vector<ClassRow> rows(const std::vector<std::string>& labels) const {
    std::map<std::string_view, int32_t> numbers;
    for (const std::string& name : labels) numbers.emplace(name, static_cast<int32_t>(numbers.size()));
    std::vector<ClassRow> rows;
    for (int64_t row = 0; row < table_->rows(); ++row) {
      const auto found = numbers.find(label(row));
      if (found == numbers.end())
        fail(ErrorCode::input, table_->where(row, label_), ": the label is \"", label(row).substr(0, 100),
             "\"; expected ", quoted_list(labels));
      rows.push_back({table_->text(row, text_), found->second, table_.get(), row});
    }
    return rows;
  }

  const Table& table() const { return *table_; }
  int64_t text_column() const { return text_; }
  std::unique_ptr<Table> release() { return std::move(table_); }

 private:
  std::unique_ptr<Table> table_;
  int64_t text_, label_;
};

/// The different labels of a table, sorted.
std::vector<std::string> labels_in(const LabelledTable& source) {
  std::set<std::string> found;
  for (int64_t row = 0; row < source.table().rows(); ++row) {
    found.emplace(source.label(row));
    if (found.size() > most_labels)
      fail(ErrorCode::input, source.table().name(), ": has more than ", most_labels,
           " different labels; is this the column of labels? Name it as label=COLUMN");
  }
  if (found.size() == 1)
    fail(ErrorCode::input, source.table().name(), ": every row has the label \"", *found.begin(),
         "\"; a classifier needs at least two");
  return {found.begin(), found.end()};
}

void check_given_labels(const std::vector<std::string>& labels) {
  const std::set<std::string> distinct(labels.begin(), labels.end());
  require(distinct.size() == labels.size(), "labels names a label twice; expected distinct labels");
  require(!distinct.contains(""), "labels contains an empty label; expected names separated by commas");
  require(labels.size() >= 2 && labels.size() <= most_labels, "labels names ", labels.size(),
          " labels; expected 2 to ", most_labels);
}

void divide(const LabelledTable& source, const ClassDataOptions& options, ClassData& data) {
  const std::vector<ClassRow> rows = source.rows(data.labels);
  std::vector<int64_t> numbers, first;
  for (const ClassRow& row : rows) numbers.push_back(row.label);
  if (options.split_version == rows_together) first = kept_together("text", texts_of(rows), data.notes);
  const SplitShares shares =
      remaining_shares(parse_split(options.split), !options.val.empty(), !options.test.empty());
  const RowSplit split = split_rows(numbers, shares, options.seed, first);
  const auto take = [&](const std::vector<int64_t>& chosen, std::vector<ClassRow>& to) {
    for (const int64_t i : chosen) to.push_back(rows[static_cast<size_t>(i)]);
  };
  take(split.train, data.train);
  take(split.val, data.val);
  take(split.test, data.test);
}

/// Every label must occur among the training rows; a label with a single row cannot be tested.
void check_rows(ClassData& data) {
  std::vector<int64_t> counts(data.labels.size()), all(data.labels.size());
  for (const ClassRow& row : data.train) ++counts[static_cast<size_t>(row.label)];
  for (const auto* rows : {&data.train, &data.val, &data.test})
    for (const ClassRow& row : *rows) ++all[static_cast<size_t>(row.label)];
  for (size_t k = 0; k < counts.size(); ++k) {
    if (counts[k] == 0)
      fail(ErrorCode::input, "no training row has the label \"", data.labels[k],
           "\"; add rows, or leave it out of labels");
    if (all[k] == 1)
      data.notes.push_back(
          join("the label \"", data.labels[k], "\" has a single row, which is used for training"));
  }
}

uint64_t hash_of_rows(const ClassData& data) {
  Checksum sum;
  const auto add = [&](std::string_view text) {
    sum.update(text.data(), text.size());
    sum.update("", 1);
  };
  for (const std::string& label : data.labels) add(label);
  for (const auto* rows : {&data.train, &data.val, &data.test}) {
    for (const ClassRow& row : *rows) {
      add(data.labels[static_cast<size_t>(row.label)]);
      add(row.text);
    }
    add("end");
  }
  return sum.value();
}

}  // namespace

std::vector<std::string_view> texts_of(const std::vector<ClassRow>& rows) {
  std::vector<std::string_view> texts;
  for (const ClassRow& row : rows) texts.push_back(row.text);
  return texts;
}

ClassData open_class_data(const ClassDataOptions& options) {
  ClassData data;
  LabelledTable source(options.data, options);
  data.text_column = source.text_column();
  if (!options.labels.empty()) check_given_labels(options.labels);
  data.labels = options.labels.empty() ? labels_in(source) : options.labels;
  divide(source, options, data);
  data.tables.push_back(source.release());
  const auto read = [&](const std::string& path, std::vector<ClassRow>& to) {
    if (path.empty()) return;
    LabelledTable other(path, options);
    to = other.rows(data.labels);
    data.tables.push_back(other.release());
  };
  read(options.val, data.val);
  read(options.test, data.test);
  check_rows(data);
  note_overlap("text", "validation", texts_of(data.val), texts_of(data.train), data.notes);
  note_overlap("text", "test", texts_of(data.test), texts_of(data.train), data.notes);
  data.hash = hash_of_rows(data);
  return data;
}

std::vector<std::string_view> texts_of(const ClassData& data) {
  std::vector<std::string_view> texts;
  for (const auto* rows : {&data.train, &data.val, &data.test})
    for (const ClassRow& row : *rows) texts.push_back(row.text);
  return texts;
}

EncodedRows encode_rows(const std::vector<ClassRow>& rows, const TextReader& reader) {
  EncodedRows encoded;
  for (const ClassRow& row : rows) {
    try {
      TextReader::Text text = reader.read(row.text);
      encoded.cut += text.cut;
      encoded.empty += text.empty;
      encoded.longest = std::max(encoded.longest, std::ssize(text.tokens));
      encoded.texts.push_back({std::move(text.tokens), row.label});
    } catch (const Error& error) {
      fail(error.code(), row.table->where(row.row), ": ", error.what());
    }
  }
  return encoded;
}

std::vector<TrainingRow> training_rows(const std::vector<LabelledText>& texts, int32_t n_labels,
                                       Balance balance, uint64_t seed) {
  const auto n = std::ssize(texts);
  std::vector<std::vector<int64_t>> by_label(static_cast<size_t>(n_labels));
  for (int64_t i = 0; i < n; ++i)
    by_label[static_cast<size_t>(texts[static_cast<size_t>(i)].label)].push_back(i);
  int64_t most = 0;
  for (const auto& rows : by_label) most = std::max(most, std::ssize(rows));
  std::vector<TrainingRow> result;
  const auto add = [&](int64_t i, double weight) {
    const LabelledText& text = texts[static_cast<size_t>(i)];
    TrainingRow row{text.tokens, std::vector<int32_t>(text.tokens.size(), ignored_target)};
    row.targets.back() = text.label;
    row.weight = weight;
    result.push_back(std::move(row));
  };
  for (size_t label = 0; label < by_label.size(); ++label) {
    const auto rows = std::ssize(by_label[label]);
    const double weight = balance == Balance::weight && rows > 0
                              ? static_cast<double>(n) / static_cast<double>(n_labels * rows)
                              : 1;
    const int64_t wanted = balance == Balance::sample && rows > 0 ? most : rows;
    for (int64_t i = 0; i < wanted; ++i)  // each pass in another order, so that the last part is drawn
      add(by_label[label][static_cast<size_t>(
              shuffled(i % rows, rows, seed + label, static_cast<uint64_t>(i / rows)))],
          weight);
  }
  return result;
}

}  // namespace hewn
