#include "train/tables/table.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "core/io/file_kind.h"
#include "model/tokenizer/utf8.h"
#include "train/tables/structure.h"

namespace hewn {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr size_t most_listed_columns = 20;

std::string listed_columns(const std::vector<std::string>& names) {
  std::string list;
  for (size_t i = 0; i < std::min(names.size(), most_listed_columns); ++i)
    list += join(i ? ", " : "", names[i].substr(0, 100));
  return names.size() > most_listed_columns ? list + ", ..." : list;
}

void require_text(const std::string& name, std::string_view text) {
  if (const size_t nul = text.find('\0'); nul != text.npos)
    fail(ErrorCode::input, text_place(name, text, nul),
         ": a NUL byte; expected text. If the file is UTF-16, convert it: iconv -f UTF-16 -t UTF-8");
  if (const size_t bad = valid_utf8_prefix(text); bad < text.size())
    fail(ErrorCode::input, text_place(name, text, bad), ": the byte ",
         static_cast<int>(static_cast<unsigned char>(text[bad])),
         " is not UTF-8. If the file is Latin-1, convert it: iconv -f LATIN1 -t UTF-8");
}

}  // namespace

TextPlace place_of(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const size_t line_begin = before.rfind('\n') + 1;  // 0 if there is none
  const auto starts_character = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  return {std::count(before.begin(), before.end(), '\n') + 1,
          std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_begin), before.end(),
                        starts_character) +
              1};
}

std::string text_place(const std::string& name, std::string_view text, size_t offset) {
  const TextPlace place = place_of(text, offset);
  return join(name, ", line ", place.line, ", column ", place.column);
}

std::string_view described(ValueType type) {
  switch (type) {
    case ValueType::missing: return "no value";
    case ValueType::null: return "null";
    case ValueType::text: return "a text";
    case ValueType::number: return "a number";
    case ValueType::boolean: return "true or false";
    case ValueType::list: return "a list";
    case ValueType::object: return "an object";
  }
  return "";
}

Table::Table(std::string name, std::string text, const TableOptions& options)
    : name_(std::move(name)), owned_(std::make_unique<const std::string>(std::move(text))), text_(*owned_) {
  read(options);
}

Table::Table(MappedFile file, const TableOptions& options)
    : name_(file.path()), file_(std::move(file)), text_(file_.text()) {
  read(options);
}

void Table::read(const TableOptions& options) {
  refuse_foreign_kind(name_, text_);
  require_text(name_, text_);
  const size_t begin = text_.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
  if (text_.find_first_not_of(" \t\r\n", begin) == text_.npos)
    fail(ErrorCode::input, name_, ": is empty; expected a table: CSV, TSV, JSON or JSON Lines");
  content_ = begins_as_json(text_.substr(begin)) ? read_json_rows(name_, text_, begin)
                                                 : read_delimited(name_, text_, begin, options);
}

std::optional<int64_t> Table::find_column(std::string_view wanted) const {
  const std::vector<std::string>& names = columns();
  const auto found = std::find(names.begin(), names.end(), wanted);
  if (found != names.end()) {
    require(std::find(found + 1, names.end(), wanted) == names.end(), name_, ": two columns are called ",
            wanted, "; name it by its number, counted from 1");
    return found - names.begin();
  }
  int64_t number = 0;
  const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
  if (error == std::errc() && end == wanted.data() + wanted.size() && number >= 1 &&
      number <= std::ssize(names))
    return number - 1;
  return std::nullopt;
}

int64_t Table::column(std::string_view wanted) const {
  if (const auto found = find_column(wanted)) return *found;
  const bool nameless = format() == TableContent::Format::delimited && !has_header();
  fail(ErrorCode::usage, name_, ": has no column ", wanted.substr(0, 100), "; ",
       nameless ? join("it has no header, so give a number from 1 to ", columns().size())
                : join("its columns are ", listed_columns(columns())));
}

const TableContent::Value* Table::find(int64_t row, int64_t column) const {
  const auto at = [&](int64_t r) {
    return content_.values.begin() + static_cast<std::ptrdiff_t>(content_.rows[static_cast<size_t>(r)].first);
  };
  const auto end = row + 1 < rows() ? at(row + 1) : content_.values.end();
  const auto found = std::lower_bound(
      at(row), end, column, [](const auto& value, int64_t wanted) { return value.column < wanted; });
  return found != end && found->column == column ? &*found : nullptr;
}

ValueType Table::type(int64_t row, int64_t column) const {
  const TableContent::Value* value = find(row, column);
  return value ? value->type : ValueType::missing;
}

std::string_view Table::text(int64_t row, int64_t column) const {
  const TableContent::Value* value = find(row, column);
  const ValueType is = value ? value->type : ValueType::missing;
  if (is != ValueType::text && is != ValueType::number && is != ValueType::boolean)
    refuse(row, column, "text or a number");
  return value->text;
}

std::string_view Table::json(int64_t row, int64_t column) const {
  const TableContent::Value* value = find(row, column);
  if (!value || (value->type != ValueType::list && value->type != ValueType::object))
    refuse(row, column, "a list or an object");
  return value->text;
}

void Table::refuse(int64_t row, int64_t column, std::string_view expected) const {
  fail(ErrorCode::input, where(row, column), ": ", described(type(row, column)), "; expected ", expected);
}

std::string Table::where(int64_t row, int64_t column) const {
  const TableContent::Value* value = find(row, column);
  const std::string& column_name = columns()[static_cast<size_t>(column)];
  return join(value ? text_place(name_, text_, value->begin) : where(row), " (", column_name.substr(0, 100),
              ")");
}

std::vector<int64_t> Table::row_lines() const {
  std::vector<int64_t> lines;
  int64_t line = 1;
  size_t at = 0;
  for (const TableContent::Row& row : content_.rows) {
    line += std::count(text_.begin() + static_cast<std::ptrdiff_t>(at),
                       text_.begin() + static_cast<std::ptrdiff_t>(row.begin), '\n');
    at = row.begin;
    lines.push_back(line);
  }
  return lines;
}

std::string Table::where(int64_t row) const {
  return join(name_, ", line ", place_of(text_, content_.rows[static_cast<size_t>(row)].begin).line);
}

}  // namespace hewn
