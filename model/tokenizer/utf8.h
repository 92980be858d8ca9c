#pragma once
// Code points of a text. UTF-8 as defined by the Unicode Standard (chapter 3, table 3-7: no overlong forms,
// no surrogates, nothing above U+10FFFF).

#include <cstddef>
#include <string>
#include <string_view>

namespace hewn {

/// One code point and its length in bytes; 0 bytes if the text there is not UTF-8.
struct CodePoint {
  char32_t value = 0;
  size_t bytes = 0;
};

/// The code point that begins at byte `at`, which must be inside the text.
CodePoint decode_utf8(std::string_view text, size_t at);

/// Appends the bytes of a code point, which must be valid (no surrogate, at most U+10FFFF).
void append_utf8(std::string& text, char32_t code_point);

/// Offset of the first byte that is not part of valid UTF-8; text.size() if all of it is valid.
size_t valid_utf8_prefix(std::string_view text);

/// Throws ErrorCode::input unless the text is valid UTF-8. The message names the text (`what`), the offset,
/// line and bytes of the first error, and the remedy.
void require_utf8(std::string_view text, std::string_view what);

/// For messages: `"é" (U+00E9)`, or only `U+0007` if the character is not printable.
std::string describe(char32_t code_point);

/// Whether a code point is part of words: a letter, mark or number of any script (Unicode general categories
/// L, M, N).
bool is_word_character(char32_t code_point);
/// The same without marks: what Python's `\w` matches, besides the underscore.
bool is_letter_or_number(char32_t code_point);

/// The lower-case form of a code point; itself if it has none that is a single code point.
char32_t lower_case(char32_t code_point);

/// A text in lower case by Unicode's full mapping, as Python's `str.lower`: U+0130 becomes i and U+0307, a
/// sigma at the end of a word becomes U+03C2. Bytes that are not UTF-8 stay unchanged.
std::string lower_case(std::string_view text);

/// Terminal columns of a code point: 2 for wide ones, 0 for combining ones.
int columns_of(char32_t code_point);

/// Unicode's White_Space property (PropList.txt).
bool is_white_space(char32_t code_point);

/// Converts bytes that arrive in pieces to printable text: incomplete characters are held back until they are
/// complete; bytes that are not UTF-8 become U+FFFD (one per maximal subpart, as the standard recommends in
/// chapter 3, "U+FFFD substitution of maximal subparts").
class Utf8Stream {
 public:
  /// The text that is complete after these bytes; always valid UTF-8.
  std::string push(std::string_view bytes);
  /// The text still held back, once no more bytes follow.
  std::string finish();

 private:
  std::string held_;  // the beginning of a character, at most 3 bytes
};

}  // namespace hewn
