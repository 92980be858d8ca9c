#include "train/scores/texts/words.h"

#include "model/tokenizer/utf8.h"

namespace hewn {
namespace {

/// The character at `at`; a byte that is not UTF-8 counts as a character that is nothing in particular.
CodePoint character_at(std::string_view text, size_t at) {
  const CodePoint found = decode_utf8(text, at);
  return found.bytes > 0 ? found : CodePoint{0xFFFD, 1};
}

bool separates_words(char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  size_t begin = 0;
  const auto end_word = [&](size_t end) {
    if (end > begin) words.emplace_back(text.substr(begin, end - begin));
  };
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = character_at(text, at);
    if (separates_words(c.value)) {
      end_word(at);
      begin = at + c.bytes;
    }
    at += c.bytes;
  }
  end_word(text.size());
  return words;
}

std::string_view without_trailing_space(std::string_view text) {
  size_t end = 0;  // after the last character that is not white space
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = character_at(text, at);
    at += c.bytes;
    if (!separates_words(c.value)) end = at;
  }
  return text.substr(0, end);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty()) {
    const CodePoint c = character_at(text, 0);
    if (!separates_words(c.value)) break;
    text.remove_prefix(c.bytes);
  }
  return without_trailing_space(text);
}

}  // namespace hewn
