#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/json.h"
#include "train/tables/table.h"

namespace hewn {
namespace {

std::string json_value(const std::string& value) {
  return nlohmann::json::parse(value, nullptr, false).is_number() ? value : json_text(nlohmann::json(value));
}

/// A field of CSV or TSV, in quotes if it needs them.
std::string field(const std::string& value, const Dialect& dialect, const std::string& table) {
  if (value.find_first_of(std::string("\r\n\"") + dialect.delimiter) == value.npos) return value;
  if (!dialect.quotes) {
    if (value.find_first_of("\r\n\t") == value.npos) return value;
    fail(ErrorCode::input, table,
         ": a tab or a line end cannot be written to this table, which has no quotes; ", "convert it to CSV");
  }
  std::string quoted = "\"";
  for (const char c : value) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

/// Where the added values of a row belong: at its end or, in JSON, before the brace that closes it.
size_t end_of(const Table& table, const TableContent::Row& row) {
  if (table.format() == TableContent::Format::delimited) return row.end;
  return table.source().find_last_not_of(" \t\r\n", row.end - 2) + 1;
}

}  // namespace

TableWriter::TableWriter(const Table& table, std::vector<std::string> columns)
    : table_(table), columns_(std::move(columns)) {}

std::string TableWriter::added(const std::vector<std::string>& values, bool first_in_row) const {
  const Dialect dialect = table_.content().dialect;
  std::string text;
  for (size_t i = 0; i < values.size(); ++i) {
    if (table_.format() == TableContent::Format::delimited)
      text += dialect.delimiter + field(values[i], dialect, table_.name());
    else
      text += join(first_in_row && i == 0 ? "" : ", ", json_text(nlohmann::json(columns_[i])), ": ",
                   json_value(values[i]));
  }
  return text;
}

std::string TableWriter::row(const std::vector<std::string>& values) {
  const TableContent& content = table_.content();
  require(next_ < content.rows.size(), "the table has only ", content.rows.size(), " rows");
  require(values.size() == columns_.size(), "a row needs ", columns_.size(), " added values, not ",
          values.size());
  std::string text;
  const auto write_to = [&](size_t end) {
    text += table_.source().substr(written_, end - written_);
    written_ = end;
  };
  if (next_ == 0 && content.has_header) {
    write_to(content.header_end);
    text += added(columns_, false);
  }
  const TableContent::Row& row = content.rows[next_++];
  write_to(end_of(table_, row));
  const size_t values_end = next_ < content.rows.size() ? content.rows[next_].first : content.values.size();
  return text + added(values, row.first == values_end);
}

std::string TableWriter::rest() {
  const std::string text(table_.source().substr(written_));
  written_ = table_.source().size();
  return text;
}

}  // namespace hewn
