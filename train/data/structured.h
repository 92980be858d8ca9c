#pragma once
// Text files that hold a table or JSON. Training takes any text as it is, labels and braces included, which is
// seldom what somebody with such a file wants.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hewn {

/// What the beginning of a text is written in, judged by its content.
struct Structure {
  enum class Format : uint8_t { plain, table, json_lines, json };
  Format format = Format::plain;
  int64_t columns = 0;                 ///< of a table
  int64_t widest = 0;                  ///< its column, from 1, that holds the most text
  std::vector<std::string> keys = {};  ///< of the first JSON object
};

/// A table has at least three lines, each with as many tabs as the others and no empty column; JSON Lines have
/// an object on each of at least two lines; JSON is an object, or a list of objects or lists. Looks at the first
/// 64 KiB; an incomplete last line or value is no contradiction there.
Structure structure_of(std::string_view text);

/// What to say to somebody who trains on the text file `path` as it is: what it looks like and which command
/// takes the texts out of it. "" for plain text.
std::string structure_note(const std::string& path, std::string_view text);

}  // namespace hewn
