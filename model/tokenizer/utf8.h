#pragma once
// Text as code points. UTF-8 as the Unicode Standard defines it (chapter 3, table 3-7: no overlong forms, no
// surrogates, nothing above U+10FFFF).

#include <cstddef>
#include <string>
#include <string_view>

namespace hewn {

/// One code point and the bytes it takes; 0 bytes if what stands there is not UTF-8.
struct CodePoint {
  char32_t value = 0;
  size_t bytes = 0;
};

/// The code point that begins at byte `at`, which has to be inside the text.
CodePoint decode_utf8(std::string_view text, size_t at);

/// Appends the bytes of a code point, which has to be one (no surrogate, not above U+10FFFF).
void append_utf8(std::string& text, char32_t code_point);

/// Offset of the first byte that is not part of valid UTF-8, text.size() if all is well.
size_t valid_utf8_prefix(std::string_view text);

/// Throws ErrorCode::input naming the offset, line and bytes of the first invalid place in `what`, and what
/// to do.
void require_utf8(std::string_view text, std::string_view what);

/// For messages: `"é" (U+00E9)`, only `U+0007` where there is nothing to see.
std::string describe(char32_t code_point);

/// Whether words are made of it: letters, marks and numbers of any script (Unicode general categories L, M,
/// N).
bool is_word_character(char32_t code_point);

/// Columns of a terminal that it takes: 2 for wide ones, 0 for those that join the one before.
int columns_of(char32_t code_point);

/// Unicode's White_Space property (PropList.txt).
bool is_white_space(char32_t code_point);

/// Turns bytes that arrive in pieces into text that can be shown: characters cut apart are held back until
/// they are complete, bytes that are not UTF-8 become U+FFFD (one for each maximal part of a character, as
/// the standard recommends in chapter 3, "U+FFFD substitution of maximal subparts").
class Utf8Stream {
 public:
  /// What can be shown after these bytes; always valid UTF-8.
  std::string push(std::string_view bytes);
  /// What was held back, now that nothing follows.
  std::string finish();

 private:
  std::string held_;  // the beginning of a character, at most 3 bytes
};

}  // namespace hewn
