#include "train/data/structured.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace hewn {
namespace {

using Json = nlohmann::ordered_json;

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

/// Whether all lines have the same number of columns, at least two.
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
          .columns = std::ssize(bytes),
          .widest = std::max_element(bytes.begin(), bytes.end()) - bytes.begin() + 1};
}

bool is_object(std::string_view line) {
  return line.find('{') != line.npos && Json::parse(line, nullptr, false).is_object();
}

/// Whether it is JSON: all of it or, if a longer text was cut off, everything up to there.
bool is_json(std::string_view text, bool goes_on) {
  const size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  const size_t inside = std::min(text.find_first_not_of(" \t\r\n", begin + 1), text.size());
  const std::string_view first = text.substr(begin, 1), second = text.substr(inside, 1);
  if (!(first == "{" && second == "\"") && !(first == "[" && (second == "{" || second == "["))) return false;
  try {
    return !Json::parse(text).is_null();
  } catch (const Json::parse_error& error) {
    return goes_on &&
           error.byte + 8 > text.size();  // cut off inside a value: the error is within \u1234 of the end
  }
}

std::vector<std::string> keys_of(std::string_view object) {
  std::vector<std::string> keys;
  const Json json = Json::parse(object, nullptr, false);
  if (json.is_object())
    for (const auto& [key, value] : json.items()) keys.push_back(key);
  return keys;
}

/// The first object in a list of objects, as text; "" if it is incomplete.
std::string_view first_object(std::string_view text) {
  const size_t begin = std::min(text.find('{'), text.size());
  for (size_t end = text.find('}', begin); end != text.npos; end = text.find('}', end + 1))
    if (Json::accept(text.substr(begin, end + 1 - begin))) return text.substr(begin, end + 1 - begin);
  return {};
}

/// The key that holds the text, by the names common in data sets; otherwise the first key.
std::string text_key(const std::vector<std::string>& keys) {
  for (const char* usual : {"text", "content", "output", "sentence"})
    if (std::find(keys.begin(), keys.end(), usual) != keys.end()) return usual;
  return keys.empty() ? "text" : keys.front();
}

std::string listed(const std::vector<std::string>& keys) {
  std::string list;
  for (size_t i = 0; i < std::min<size_t>(keys.size(), 5); ++i) list += (i ? ", " : "") + keys[i];
  return list + (keys.size() > 5 ? ", ..." : "");
}

std::string note(const std::string& path, const std::string& what, const std::string& parts,
                 const std::string& command) {
  return join(path, " looks like ", what, "; it is read as plain text, ", parts,
              " included. To extract only the texts: ", command, " > texts.txt");
}

}  // namespace

Structure structure_of(std::string_view text) {
  const bool goes_on = text.size() > looked_at;
  text = text.substr(0, looked_at);
  const std::vector<std::string_view> lines = first_lines(text, goes_on);
  if (lines.size() >= 2 && std::all_of(lines.begin(), lines.end(), is_object))
    return {.format = Structure::Format::json_lines, .keys = keys_of(lines[0])};
  if (is_json(text, goes_on)) return {.format = Structure::Format::json, .keys = keys_of(first_object(text))};
  return is_table(lines) ? table_of(lines) : Structure{};
}

std::string structure_note(const std::string& path, std::string_view text) {
  const Structure found = structure_of(text);
  const std::string keys = found.keys.empty() ? "" : join(" with the keys ", listed(found.keys)),
                    key = text_key(found.keys);
  switch (found.format) {
    case Structure::Format::plain: return "";
    case Structure::Format::table:
      return note(path, join("a table of ", found.columns, " columns separated by tabs"), "tabs and labels",
                  join("cut -f", found.widest, " ", path));
    case Structure::Format::json_lines:
      return note(path, "JSON Lines" + keys, "braces and keys", join("jq -r '.[\"", key, "\"]' ", path));
    case Structure::Format::json:
      return note(path, "JSON" + keys, "braces and keys",
                  join("jq -r '.. | .[\"", key, "\"]? // empty' ", path));
  }
  return "";
}

}  // namespace hewn
