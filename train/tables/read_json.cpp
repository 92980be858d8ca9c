#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/json.h"
#include "train/tables/table.h"

namespace hewn {
namespace {

constexpr int64_t deepest = 64;

/// Reads a text and notes how far the parser has come, since its events do not tell.
class Cursor {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Cursor(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  Cursor& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  Cursor operator++(int) {
    const Cursor before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Cursor& other) const { return at_ == other.at_; }
  bool operator!=(const Cursor& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

/// Receives the parser's events. A row is an object at depth `row_depth`: 1 in JSON Lines, 2 in a list.
class JsonRows {
 public:
  JsonRows(const std::string& name, std::string_view text) : name_(name), text_(text) {}

  /// Parses a piece of the text that holds one JSON value.
  void parse(size_t begin, size_t end, int64_t row_depth) {
    row_depth_ = row_depth;
    depth_ = 0;
    reached_ = text_.data() + begin;
    token_end_ = begin;
    Json::sax_parse(Cursor(text_.data() + begin, &reached_), Cursor(text_.data() + end, &reached_), this);
  }

  TableContent finish(TableContent::Format format) {
    if (content_.rows.empty())
      fail(ErrorCode::input, name_, ": contains no row; expected at least one object");
    if (content_.columns.empty())
      fail(ErrorCode::input, name_, ": its objects are all empty; expected keys and values in each");
    content_.format = format;
    return std::move(content_);
  }

  // ---- events of the parser: its names and types ----
  bool null() { return scalar(ValueType::null); }
  bool boolean(bool) { return scalar(ValueType::boolean); }
  bool number_integer(Json::number_integer_t) { return scalar(ValueType::number); }
  bool number_unsigned(Json::number_unsigned_t) { return scalar(ValueType::number); }
  bool number_float(Json::number_float_t, const std::string&) { return scalar(ValueType::number); }
  bool string(std::string& value) {
    const size_t begin = token_begin();
    if (is_value_of_row()) {
      const std::string_view inside = text_.substr(begin + 1, offset() - begin - 2);
      add(begin, ValueType::text,  // an escape is longer than what it stands for
          inside.size() == value.size() ? inside : content_.unescaped.emplace_back(std::move(value)));
    }
    return after_token(begin, ValueType::text);
  }
  bool binary(Json::binary_t&) { return false; }  // not in text
  bool start_object(size_t) { return open(ValueType::object); }
  bool start_array(size_t) { return open(ValueType::list); }
  bool end_object() { return close(ValueType::object); }
  bool end_array() { return close(ValueType::list); }
  bool key(std::string& key) {
    if (depth_ == row_depth_) begin_value(key);
    token_end_ = offset();
    return true;
  }
  bool parse_error(size_t, const std::string&, const Json::exception& error) {
    std::string reason = json_reason(error);  // "parse error at line 1, column 5: syntax error ..."
    if (const size_t place = reason.find(", column "); place != reason.npos)
      if (const size_t end = reason.find(": ", place); end != reason.npos) reason.erase(0, end + 2);
    const size_t at = std::max(offset(), size_t{1}) - 1;
    fail(ErrorCode::input, text_place(name_, text_, std::min(at, text_.size())), ": ", reason);
  }

 private:
  size_t offset() const { return static_cast<size_t>(reached_ - text_.data()); }

  // Where the token that was just read begins: after what separates it from the previous one.
  size_t token_begin() const {
    size_t at = token_end_;
    while (at < text_.size() && std::string_view(" \t\r\n,:").find(text_[at]) != std::string_view::npos) ++at;
    return at;
  }

  bool is_value_of_row() const { return depth_ == row_depth_; }

  bool scalar(ValueType type) {
    const size_t begin = token_begin();
    const size_t end = std::min(text_.find_first_of(" \t\r\n,]}", begin), text_.size());
    if (is_value_of_row()) add(begin, type, text_.substr(begin, end - begin));
    return after_token(begin, type);
  }

  bool after_token(size_t begin, ValueType type) {
    token_end_ = type == ValueType::number ? begin + 1 : offset();  // behind a number one more byte was read
    if (type == ValueType::number)
      token_end_ = std::min(text_.find_first_of(" \t\r\n,]}", begin), text_.size());
    if (depth_ < row_depth_) refuse_row(begin, type);
    return true;
  }

  bool open(ValueType type) {
    const size_t begin = token_begin();
    token_end_ = offset();
    if (depth_ == row_depth_) composite_begin_ = begin;
    if (++depth_ > deepest)
      fail(ErrorCode::input, text_place(name_, text_, begin), ": the JSON is nested more than ", deepest,
           " levels deep; expected rows like {\"text\": \"...\"}");
    if (depth_ == row_depth_) {
      if (type != ValueType::object) refuse_row(begin, type);
      content_.rows.push_back({content_.values.size(), begin, begin});
    }
    return true;
  }

  bool close(ValueType type) {
    token_end_ = offset();
    if (depth_ == row_depth_) end_row();
    if (--depth_ == row_depth_)
      add(composite_begin_, type, text_.substr(composite_begin_, token_end_ - composite_begin_));
    return true;
  }

  void begin_value(const std::string& key) {
    const auto [entry, is_new] = columns_.try_emplace(key, std::ssize(content_.columns));
    if (is_new) {
      content_.columns.push_back(key);
      last_row_.push_back(0);
    }
    column_ = entry->second;
    size_t& last = last_row_[static_cast<size_t>(column_)];
    if (last == content_.rows.size())
      fail(ErrorCode::input, text_place(name_, text_, token_begin()), ": the key \"", key.substr(0, 100),
           "\" occurs twice in a row; expected it once");
    last = content_.rows.size();
  }

  void add(size_t begin, ValueType type, std::string_view value) {
    content_.values.push_back({column_, begin, value, type});
  }

  void end_row() {
    content_.rows.back().end = token_end_;
    const auto first = content_.values.begin() + static_cast<std::ptrdiff_t>(content_.rows.back().first);
    std::sort(first, content_.values.end(), [](const auto& a, const auto& b) { return a.column < b.column; });
  }

  [[noreturn]] void refuse_row(size_t begin, ValueType type) const {
    fail(ErrorCode::input, text_place(name_, text_, begin), ": ", described(type),
         " in place of a row; expected objects like {\"text\": \"...\"}");
  }

  const std::string& name_;
  std::string_view text_;
  TableContent content_;
  std::map<std::string, int64_t> columns_;  // not hashed: a file could choose keys with equal hashes
  std::vector<size_t> last_row_;            // by column: the number of rows when its key was last seen
  const char* reached_ = nullptr;
  size_t token_end_ = 0, composite_begin_ = 0;
  int64_t row_depth_ = 1, depth_ = 0, column_ = 0;
};

}  // namespace

TableContent read_json_rows(const std::string& name, std::string_view text, size_t begin) {
  JsonRows rows(name, text);
  const size_t first = std::min(text.find_first_not_of(" \t\r\n", begin), text.size());
  if (text.substr(first, 1) == "[") {
    rows.parse(begin, text.size(), 2);
    return rows.finish(TableContent::Format::json);
  }
  for (size_t at = begin; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (text.substr(at, end - at).find_first_not_of(" \t\r") != std::string_view::npos)
      rows.parse(at, end, 1);
    at = end + 1;
  }
  return rows.finish(TableContent::Format::json_lines);
}

}  // namespace hewn
