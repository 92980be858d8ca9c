#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "train/tables/structure.h"
#include "train/tables/table.h"

namespace hewn {
namespace {

constexpr size_t compared_rows = 1000;

std::string_view separators(const Dialect& dialect) {
  return dialect.delimiter == '\t' ? "tabs" : dialect.delimiter == ';' ? "semicolons" : "commas";
}

class DelimitedReader {
 public:
  DelimitedReader(const std::string& name, std::string_view text, size_t begin)
      : name_(name), text_(text), dialect_(dialect_of(text.substr(begin))), records_(text, dialect_, begin) {
    content_.dialect = dialect_;
    content_.header_end = begin;
  }

  TableContent read(const TableOptions& options) {
    std::vector<Field> fields;
    size_t begin = 0;
    while (next(fields, begin)) add_row(fields, begin);
    if (content_.rows.empty()) fail(ErrorCode::input, name_, ": is empty; expected a table");
    name_columns(options);
    if (content_.rows.empty())
      fail(ErrorCode::input, name_, ": has a header but no row; expected at least one");
    return std::move(content_);
  }

 private:
  bool next(std::vector<Field>& fields, size_t& begin) {
    if (records_.next(fields)) {
      begin = fields.front().begin;
      return true;
    }
    if (const char* mistake = records_.mistake())
      fail(ErrorCode::input, text_place(name_, text_, records_.mistake_at()), ": ", mistake);
    return false;
  }

  void add_row(const std::vector<Field>& fields, size_t begin) {
    if (!content_.rows.empty() && fields.size() != width_)
      fail(ErrorCode::input, text_place(name_, text_, begin), ": this row has ", fields.size(),
           fields.size() == 1 ? " column" : " columns", " separated by ", separators(dialect_), "; expected ",
           width_, ", like the first row",
           fields.size() > width_ && dialect_.quotes ? ". Enclose fields that contain the separator in quotes"
                                                     : "");
    width_ = fields.size();
    content_.rows.push_back({content_.values.size(), begin, fields.back().end});
    for (const Field& field : fields) add_value(field, static_cast<int64_t>(&field - fields.data()));
  }

  void add_value(const Field& field, int64_t column) {
    std::string unescaped;
    std::string_view value = field_text(text_, field, unescaped);
    if (value.data() == unescaped.data() && !value.empty())
      value = content_.unescaped.emplace_back(std::move(unescaped));
    content_.values.push_back({column, field.begin, value, ValueType::text});
  }

  std::string_view value(size_t row, size_t column) const {
    return content_.values[content_.rows[row].first + column].text;
  }

  // Whether a wanted column is the number of one. Such a text in the first record is hardly a name: labels are often 0
  // and 1.
  bool is_number_of_column(std::string_view wanted) const {
    size_t number = 0;
    const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
    return error == std::errc() && end == wanted.data() + wanted.size() && number >= 1 && number <= width_;
  }

  // Whether the first record has names: one of those that were asked for, or names to look at that do not occur
  // again in their columns, as a label would.
  bool judged_header(const TableOptions& options) const {
    std::vector<std::string_view> first;
    for (size_t c = 0; c < width_; ++c) first.push_back(value(0, c));
    for (const std::string& wanted : options.columns)
      if (!is_number_of_column(wanted) && std::find(first.begin(), first.end(), wanted) != first.end())
        return true;
    if (content_.rows.size() < 2 || !looks_like_header(first)) return false;
    for (size_t row = 1; row < std::min(content_.rows.size(), compared_rows); ++row)
      for (size_t c = 0; c < width_; ++c)
        if (value(row, c) == first[c]) return false;
    return true;
  }

  void name_columns(const TableOptions& options) {
    content_.has_header = options.header ? *options.header : judged_header(options);
    content_.columns.reserve(width_);
    for (size_t c = 0; c < width_; ++c)
      content_.columns.push_back(content_.has_header ? std::string(value(0, c)) : std::to_string(c + 1));
    if (!content_.has_header) return;
    content_.header_end = content_.rows.front().end;
    content_.rows.erase(content_.rows.begin());
  }

  const std::string& name_;
  std::string_view text_;
  Dialect dialect_;
  Records records_;
  TableContent content_;
  size_t width_ = 0;
};

}  // namespace

TableContent read_delimited(const std::string& name, std::string_view text, size_t begin,
                            const TableOptions& options) {
  return DelimitedReader(name, text, begin).read(options);
}

}  // namespace hewn
