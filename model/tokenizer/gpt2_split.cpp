#include "model/tokenizer/gpt2_split.h"

#include <utf8proc.h>

#include <array>
#include <cstdint>

#include "model/tokenizer/utf8.h"

namespace hewn {
namespace {

enum class Class : uint8_t { sign, letter, number, space };

Class class_of(char32_t c) {
  if (is_white_space(c)) return Class::space;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return Class::letter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return Class::number;
    default: return Class::sign;
  }
}

struct Char {
  Class kind;
  size_t bytes;
};

/// The classes of ASCII characters, in a table: most of the splitting time goes into this lookup.
constexpr std::array<Class, 128> ascii_classes = [] {
  std::array<Class, 128> classes{};
  for (size_t c = 0; c < classes.size(); ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), number = c >= '0' && c <= '9',
               space = c == ' ' || (c >= '\t' && c <= '\r');
    classes[c] = letter ? Class::letter : number ? Class::number : space ? Class::space : Class::sign;
  }
  return classes;
}();

inline Char char_at(std::string_view text, size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 128) return {ascii_classes[byte], 1};
  const CodePoint c = decode_utf8(text, at);
  return c.bytes == 0 ? Char{Class::sign, 1} : Char{class_of(c.value), c.bytes};
}

/// Length in bytes of the clitic at `at`; 0 if there is none.
size_t clitic(std::string_view text, size_t at) {
  if (text[at] != '\'') return 0;
  for (const std::string_view one : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.substr(at, one.size()) == one) return one.size();
  return 0;
}

}  // namespace

size_t gpt2_piece_end(std::string_view text, size_t begin) {
  if (const size_t bytes = clitic(text, begin)) return begin + bytes;
  Char c = char_at(text, begin);
  size_t end = begin + c.bytes;
  if (text[begin] == ' ' && end < text.size()) {
    const Char next = char_at(text, end);
    if (next.kind != Class::space) end += next.bytes, c = next;
  }
  if (c.kind != Class::space) {
    for (Char next{}; end < text.size(); end += next.bytes)
      if (next = char_at(text, end); next.kind != c.kind) break;
    return end;
  }
  size_t last = begin;
  for (Char next{}; end < text.size(); end += next.bytes) {
    if (next = char_at(text, end); next.kind != Class::space) return last == begin ? end : last;
    last = end;
  }
  return end;
}

}  // namespace hewn
