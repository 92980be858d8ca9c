#pragma once
// Splits CSV and TSV into records and fields (RFC 4180; line ends may also be a single \n).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hewn {

/// How the columns of a text are separated.
struct Dialect {
  char delimiter = ',';
  bool quotes = true;  ///< whether "..." encloses fields with delimiters, line ends and doubled quotes
};

/// A raw field of the text, including its quotes.
struct Field {
  size_t begin = 0, end = 0;  ///< offsets in the text
  bool quoted = false;
};

/// The records of a text, one after the other. Lines without any character are skipped.
class Records {
 public:
  /// `text` must outlive the records; `begin` is the offset at which the first record begins.
  Records(std::string_view text, Dialect dialect, size_t begin = 0)
      : text_(text), dialect_(dialect), at_(begin) {}

  /// Reads a record into `fields`. Returns false at the end of the text or at a mistake.
  bool next(std::vector<Field>& fields);

  /// The error in the text at `mistake_at()`; nullptr if none.
  const char* mistake() const { return mistake_; }
  size_t mistake_at() const { return mistake_at_; }
  /// Offset of the next record.
  size_t at() const { return at_; }

 private:
  bool next_line(std::vector<Field>& fields);
  bool quoted_field(Field& field);
  size_t line_end_at(size_t at) const;  // the length of the line end there: 0, 1 or 2

  std::string_view text_;
  Dialect dialect_;
  size_t at_;
  const char* mistake_ = nullptr;
  size_t mistake_at_ = 0;
};

/// The content of a field. `unescaped` receives it if quotes inside were doubled, and must outlive the result.
std::string_view field_text(std::string_view text, const Field& field, std::string& unescaped);

/// The dialect of a text: the delimiter among tab, comma and semicolon that divides the first records most evenly.
/// Texts with tabs often contain quotes that enclose nothing, so there they count only if every field that
/// begins with a quote also ends with one, and if they do not change the number of rows of an even table.
Dialect dialect_of(std::string_view text);

}  // namespace hewn
