#include "train/tables/structure.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "train/tables/delimited.h"

namespace hewn {
namespace {

constexpr size_t looked_at = size_t{1} << 16;
constexpr size_t most_lines = 50;

/// The first non-blank lines, without the last one if the text continues after it.
std::vector<std::string_view> first_lines(std::string_view text, bool goes_on) {
  std::vector<std::string_view> lines;
  while (!text.empty() && lines.size() < most_lines) {
    const size_t end = text.find('\n');
    if (end == text.npos && goes_on) break;
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") != line.npos) lines.push_back(line);
  }
  return lines;
}

/// Whether all lines have the same number of columns separated by tabs, at least two.
bool is_table(const std::vector<std::string_view>& lines) {
  if (lines.size() < 3) return false;
  const auto tabs = [](std::string_view line) { return std::count(line.begin(), line.end(), '\t'); };
  const auto is_row = [&](std::string_view line) {
    return tabs(line) == tabs(lines[0]) && !line.starts_with('\t') && !line.ends_with('\t') &&
           line.find("\t\t") == line.npos;
  };
  return tabs(lines[0]) > 0 && std::all_of(lines.begin(), lines.end(), is_row);
}

Structure table_of(const std::vector<std::string_view>& lines) {
  std::vector<size_t> bytes;
  for (std::string_view line : lines)
    for (size_t column = 0, at = 0; at <= line.size(); ++column) {
      const size_t end = std::min(line.find('\t', at), line.size());
      bytes.resize(std::max(bytes.size(), column + 1));
      bytes[column] += end - at;
      at = end + 1;
    }
  return {.format = Structure::Format::table,
          .delimiter = '\t',
          .columns = std::ssize(bytes),
          .widest = std::max_element(bytes.begin(), bytes.end()) - bytes.begin() + 1};
}

/// A table with a header whose columns are separated by this delimiter, or plain text.
Structure table_with_header(std::string_view text, char delimiter, bool goes_on) {
  Records records(text, {delimiter, true});
  std::vector<Field> fields;
  std::vector<size_t> bytes;
  Structure table{.format = Structure::Format::table, .delimiter = delimiter};
  size_t rows = 0;
  while (rows < most_lines && records.next(fields) && !(goes_on && records.at() == text.size())) {
    if (rows++ == 0) {
      std::vector<std::string_view> names;
      std::string unescaped;
      for (const Field& field : fields) {
        names.push_back(text.substr(field.begin, field.end - field.begin));
        table.keys.emplace_back(field_text(text, field, unescaped));
      }
      if (fields.size() < 2 || !looks_like_header(names)) return {};
      bytes.resize(fields.size());
    }
    if (fields.size() != bytes.size()) return {};
    for (size_t i = 0; i < fields.size(); ++i) bytes[i] += fields[i].end - fields[i].begin;
  }
  if (rows < 3 || (records.mistake() && !goes_on)) return {};
  table.columns = std::ssize(bytes);
  table.widest = std::max_element(bytes.begin(), bytes.end()) - bytes.begin() + 1;
  return table;
}

bool is_object(std::string_view line) {
  return line.find('{') != line.npos && nlohmann::json::parse(line, nullptr, false).is_object();
}

/// Whether it is JSON: all of it or, if a longer text was cut off, everything up to there.
bool is_json(std::string_view text, bool goes_on) {
  if (!begins_as_json(text)) return false;
  try {
    return !nlohmann::json::parse(text).is_null();
  } catch (const nlohmann::json::parse_error& error) {
    return goes_on &&
           error.byte + 8 > text.size();  // cut off inside a value: the error is within \u1234 of the end
  } catch (const nlohmann::json::out_of_range&) {
    return false;  // a number too large for a double
  }
}

/// Notes the keys of the first object that is a value or a member of a list, and stops behind it.
class FirstKeys final : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<std::string> keys;
  bool complete = false;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(int64_t) override { return true; }
  bool number_unsigned(uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(nlohmann::json::binary_t&) override { return true; }
  bool start_object(size_t) override {
    ++depth_;
    return true;
  }
  bool key(std::string& name) override {
    if (depth_ == 1) keys.push_back(std::move(name));
    return true;
  }
  bool end_object() override {
    complete = --depth_ == 0;
    return !complete;
  }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t, const std::string&, const nlohmann::json::exception&) override { return false; }

 private:
  int64_t depth_ = 0;  // of objects
};

/// The keys of the first object, each once, in their order; none if it is incomplete.
std::vector<std::string> keys_of(std::string_view text) {
  FirstKeys found;
  nlohmann::json::sax_parse(text.begin(), text.end(), &found, nlohmann::json::input_format_t::json, false);
  if (!found.complete) return {};
  std::set<std::string_view> seen;
  std::vector<std::string> keys;
  for (const std::string& key : found.keys)
    if (seen.insert(key).second) keys.push_back(key);
  return keys;
}

}  // namespace

Structure structure_of(std::string_view text) {
  const bool goes_on = text.size() > looked_at;
  text = text.substr(0, looked_at);
  const std::vector<std::string_view> lines = first_lines(text, goes_on);
  if (lines.size() >= 2 && std::all_of(lines.begin(), lines.end(), is_object))
    return {.format = Structure::Format::json_lines, .keys = keys_of(lines[0])};
  if (is_json(text, goes_on)) return {.format = Structure::Format::json, .keys = keys_of(text)};
  if (is_table(lines)) return table_of(lines);
  for (const char delimiter : {',', ';'})
    if (Structure table = table_with_header(text, delimiter, goes_on); table.columns > 0) return table;
  return {};
}

bool begins_as_json(std::string_view text) {
  const auto next = [&](size_t at) { return std::min(text.find_first_not_of(" \t\r\n", at), text.size()); };
  const size_t begin = next(0), inside = next(begin + 1);
  const std::string_view first = text.substr(begin, 1),
                         second = text.substr(std::min(inside, text.size()), 1);
  if (first == "{") return second.empty() || second == "\"" || second == "}" || second == "'";
  return first == "[" &&
         (second.empty() || second == "{" || second == "[" || second == "]" || second == "\"");
}

bool looks_like_header(const std::vector<std::string_view>& fields) {
  const auto belongs_to_word = [](char c) {
    return static_cast<unsigned char>(c) >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z') || std::string_view("_-./#()").find(c) != std::string_view::npos;
  };
  const auto is_name = [&](std::string_view field) {
    if (field.size() >= 2 && field.front() == '"' && field.back() == '"')
      field = field.substr(1, field.size() - 2);
    const bool is_sentence =
        field.ends_with('.') || field.find(". ") != field.npos || field.find("..") != field.npos;
    double number = 0;
    const bool is_number =
        std::from_chars(field.data(), field.data() + field.size(), number).ptr == field.data() + field.size();
    return !field.empty() && field.size() <= 64 && std::count(field.begin(), field.end(), ' ') < 3 &&
           std::all_of(field.begin(), field.end(), [&](char c) { return c == ' ' || belongs_to_word(c); }) &&
           !is_number && !is_sentence;
  };
  std::vector<std::string_view> sorted(fields);
  std::sort(sorted.begin(), sorted.end());
  return std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end() &&
         std::all_of(fields.begin(), fields.end(), is_name);
}

}  // namespace hewn
