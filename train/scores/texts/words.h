#pragma once
// Text as sequences of words, as the metrics of this folder count them.

#include <string>
#include <string_view>
#include <vector>

namespace hewn {

/// The longest parts of a text without white space (Unicode's, and the separators U+001C to U+001F, which Python's
/// `str.split` counts too). Bytes that are not UTF-8 belong to words.
std::vector<std::string> split_words(std::string_view text);

/// The text without white space at its end.
std::string_view without_trailing_space(std::string_view text);
/// The text without white space at either end.
std::string_view trimmed(std::string_view text);

}  // namespace hewn
