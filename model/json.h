#pragma once
// Parses JSON from untrusted files, and writes JSON. The library's `dump` throws on text that is not UTF-8,
// such as file names, so call these functions instead.

#include <cstddef>
#include <exception>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace hewn {

/// JSON whose objects keep their keys in order.
using Json = nlohmann::ordered_json;

/// Parses a text, in time proportional to its length. Throws ErrorCode::input if it is not JSON,
/// for a number of 2^63 or more, since its conversion to an integer would be undefined, and for
/// lists and objects nested more than 64 levels deep, since copying, comparing and writing them is recursive.
nlohmann::json parse_json(std::string_view text);
/// The same with the keys of objects in the order of the text. A lookup finds the first of duplicate keys.
Json parse_ordered_json(std::string_view text);

/// The content of a file of at most `most_bytes`, by `parse_ordered_json`. Throws ErrorCode::input, naming
/// the file, also if it is not JSON.
Json read_json(const std::string& path, size_t most_bytes);

/// A value as text, on one line or indented by this many spaces per level. Bytes that are not UTF-8 become
/// U+FFFD. For output to people and other programs.
std::string json_text(const nlohmann::json& value, int indent = -1);
std::string json_text(const Json& value, int indent = -1);

/// The same for data that Hewn reads back, where a replaced byte would change a name or token: throws
/// ErrorCode::input for text that is not UTF-8.
std::string exact_json_text(const nlohmann::json& value, int indent = -1);
std::string exact_json_text(const Json& value, int indent = -1);

/// A JSON list of `of(item)` for each item.
template <class Items, class Of, class List = Json>
List json_list(Items&& items, const Of& of) {
  List list = List::array();
  for (const auto& item : items) list.push_back(of(item));
  return list;
}

/// A text in quotation marks, with everything but printable ASCII escaped.
std::string ascii_json_text(std::string_view text);

/// The reason in an error of the JSON library, without the library's error code; at most 200 bytes.
std::string json_reason(const std::exception& error);

}  // namespace hewn
