#pragma once
// Recognises text files that hold a table or JSON. Training takes any text as it is, labels and braces
// included, which is seldom intended.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hewn {

/// The format at the beginning of a text, judged by its content.
struct Structure {
  enum class Format : uint8_t { plain, table, json_lines, json };
  Format format = Format::plain;
  int64_t columns = 0;                 ///< of a table
  int64_t widest = 0;                  ///< the column, counted from 1, with the most text
  std::vector<std::string> keys = {};  ///< of the first JSON object
};

/// A table has at least three lines, each with the same number of tabs and no empty column; JSON Lines have
/// an object on each of at least two lines; JSON is an object, or a list of objects or lists. Looks at the
/// first 64 KiB; an incomplete last line or value is accepted there.
Structure structure_of(std::string_view text);

/// A note for training on the text file `path` as it is: the format it seems to have, and the command that
/// extracts its texts. "" for plain text.
std::string structure_note(const std::string& path, std::string_view text);

}  // namespace hewn
