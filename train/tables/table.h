#pragma once
// Files of rows with named columns: CSV, TSV, JSON (a list of objects) and JSON Lines. A table keeps the
// original text, so that every error can name file, line and column, and the table can be written back
// unchanged.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/file.h"
#include "train/tables/delimited.h"

namespace hewn {

/// A place in a text, counted from 1; columns are characters.
struct TextPlace {
  int64_t line = 1, column = 1;
};
TextPlace place_of(std::string_view text, size_t offset);

/// The type of a value; those of CSV and TSV are all text.
enum class ValueType : uint8_t { missing, null, text, number, boolean, list, object };
/// "a number", "a list", for messages.
std::string_view described(ValueType type);

struct TableOptions {
  std::optional<bool> header = {};  ///< of CSV and TSV; without a value it is judged by content
  /// Columns to be used, by name or number: if the first record contains one of them, other than the number
  /// of a column, it is a header.
  std::vector<std::string> columns = {};
};

/// The content of a file as parsed by the reader of one format.
struct TableContent {
  struct Value {
    int64_t column = 0;
    size_t begin = 0;       ///< its offset in the file
    std::string_view text;  ///< without quotes and escapes; the JSON of lists and objects
    ValueType type = ValueType::text;
  };
  struct Row {
    size_t first = 0;           ///< index of its first value
    size_t begin = 0, end = 0;  ///< its record in the file, without the line end
  };
  enum class Format : uint8_t { delimited, json, json_lines };

  Format format = Format::delimited;
  Dialect dialect = {};              ///< of Format::delimited
  bool has_header = false;           ///< of Format::delimited
  size_t header_end = 0;             ///< offset after the header, without its line end
  std::vector<std::string> columns;  ///< names; "1", "2", ... without a header
  // Deques, because growing vectors temporarily need three times their memory.
  std::deque<Row> rows;
  std::deque<Value> values;           ///< row by row, in the order of columns
  std::deque<std::string> unescaped;  ///< texts that differ from the file's bytes
};

class Table {
 public:
  /// Reads a text. `name` names it in messages. Throws ErrorCode::input, with line and column, for text that is
  /// not UTF-8 or contains NUL bytes, for a file without rows, for JSON without keys, for rows with too few or too
  /// many columns, quotes that are not closed, broken JSON or JSON nested more than 64 levels deep, and rows that
  /// are not objects.
  Table(std::string name, std::string text, const TableOptions& options = {});
  /// Reads a file, mapped.
  Table(MappedFile file, const TableOptions& options = {});

  const std::string& name() const { return name_; }
  TableContent::Format format() const { return content_.format; }
  int64_t rows() const { return std::ssize(content_.rows); }
  /// The names of the columns; in JSON, of all keys in the order of their first occurrence.
  const std::vector<std::string>& columns() const { return content_.columns; }
  bool has_header() const { return content_.has_header; }

  /// The column with this name, else the one with this number, counted from 1. Throws usage, listing the
  /// columns, for an unknown one or a name that occurs twice.
  int64_t column(std::string_view name_or_number) const;
  std::optional<int64_t> find_column(std::string_view name_or_number) const;

  ValueType type(int64_t row, int64_t column) const;
  /// A value as text: numbers and booleans as they are written. Throws input for a missing value, null, a
  /// list or an object. Valid as long as the table.
  std::string_view text(int64_t row, int64_t column) const;
  /// The JSON of a list or an object. Throws input for other values.
  std::string_view json(int64_t row, int64_t column) const;

  /// "reviews.csv, line 3, column 14 (text)": where a value begins or, if it is missing, its row.
  std::string where(int64_t row, int64_t column) const;
  /// "reviews.csv, line 3"
  std::string where(int64_t row) const;

  /// The line of each row, counted from 1; one pass over the file.
  std::vector<int64_t> row_lines() const;

  std::string_view source() const { return text_; }
  const TableContent& content() const { return content_; }

 private:
  void read(const TableOptions& options);
  const TableContent::Value* find(int64_t row, int64_t column) const;
  [[noreturn]] void refuse(int64_t row, int64_t column, std::string_view expected) const;

  std::string name_;
  MappedFile file_;
  std::unique_ptr<const std::string> owned_;
  std::string_view text_;
  TableContent content_;
};

/// Opens a file of rows.
inline Table open_table(const std::string& path, const TableOptions& options = {}) {
  return Table(MappedFile(path), options);
}

/// Writes a table back unchanged, with columns added at the end of every row.
class TableWriter {
 public:
  /// `columns` names the added columns. The table must outlive the writer.
  TableWriter(const Table& table, std::vector<std::string> columns);

  /// The text from the end of the previous row to the end of the next one, with its added values, one per
  /// column. The first call also returns the text before the first row, with the names of the added columns
  /// in the header. In JSON, a value that is a number is written as a number, any other as text. Throws input
  /// for a value with a tab or line end if the table is TSV without quotes.
  std::string row(const std::vector<std::string>& values);
  /// The text after the last row.
  std::string rest();

 private:
  std::string added(const std::vector<std::string>& values, bool first_in_row) const;

  const Table& table_;
  std::vector<std::string> columns_;
  size_t next_ = 0, written_ = 0;  // row; offset in the file
};

// ---- the readers of the formats, for `Table` -------------------------------------------------------------

/// `begin` is the offset after a byte order mark. Both throw as described at `Table`.
TableContent read_delimited(const std::string& name, std::string_view text, size_t begin,
                            const TableOptions& options);
TableContent read_json_rows(const std::string& name, std::string_view text, size_t begin);

/// "reviews.csv, line 3, column 14".
std::string text_place(const std::string& name, std::string_view text, size_t offset);

}  // namespace hewn
