#pragma once
// Recognises texts that hold a table or JSON by their content, never by a file's name.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hewn {

/// The format at the beginning of a text.
struct Structure {
  enum class Format : uint8_t { plain, table, json_lines, json };
  Format format = Format::plain;
  char delimiter = 0;                  ///< between the columns of a table
  int64_t columns = 0;                 ///< of a table
  int64_t widest = 0;                  ///< the column, counted from 1, with the most text
  std::vector<std::string> keys = {};  ///< of the first JSON object, or the header of a table if it has one
};

/// A table has at least three lines, each with the same number of tabs and no empty column, or the same number
/// of commas or semicolons and a header; JSON Lines have an object on each of at least two lines; JSON is an
/// object, or a list of objects or lists. Looks at the first 64 KiB; an incomplete last line or value is
/// accepted there.
Structure structure_of(std::string_view text);

/// Whether a text of rows is meant as JSON, complete or not: it begins with { or [ and a valid continuation.
bool begins_as_json(std::string_view text);

/// Whether fields look like the names of columns: all different, of at most 64 bytes, without line ends, none a
/// number, and each at most three words of letters, digits and _ - . / # ( ).
bool looks_like_header(const std::vector<std::string_view>& fields);

}  // namespace hewn
