#include "model/tokenizer/utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/error.h"

namespace hewn {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

unsigned byte_at(std::string_view text, size_t at) { return static_cast<unsigned char>(text[at]); }

/// The properties of a character's first byte.
struct Lead {
  size_t bytes = 0;                                // of the character; 0 if none begins with this byte
  unsigned payload = 0;                            // its bits of the code point
  unsigned second_low = 0x80, second_high = 0xBF;  // the second byte is restricted after some leads
};

Lead lead_of(unsigned byte) {
  if (byte < 0x80) return {1, byte};
  if (byte < 0xC2) return {};
  if (byte < 0xE0) return {2, byte & 0x1F};
  if (byte < 0xF0) return {3, byte & 0x0F, byte == 0xE0 ? 0xA0u : 0x80u, byte == 0xED ? 0x9Fu : 0xBFu};
  if (byte < 0xF5) return {4, byte & 0x07, byte == 0xF0 ? 0x90u : 0x80u, byte == 0xF4 ? 0x8Fu : 0xBFu};
  return {};
}

/// A character, as far as the bytes at `at` match one.
struct Match {
  char32_t value = 0;
  size_t matched = 0, wanted = 0;  // bytes; complete if equal and not 0
};

Match match_at(std::string_view text, size_t at) {
  const Lead lead = lead_of(byte_at(text, at));
  if (lead.bytes == 0) return {};
  Match match{lead.payload, 1, lead.bytes};
  for (; match.matched < lead.bytes && at + match.matched < text.size(); ++match.matched) {
    const unsigned byte = byte_at(text, at + match.matched);
    const unsigned low = match.matched == 1 ? lead.second_low : 0x80u;
    const unsigned high = match.matched == 1 ? lead.second_high : 0xBFu;
    if (byte < low || byte > high) break;
    match.value = match.value << 6 | (byte & 0x3F);
  }
  return match;
}

/// Offset of the first byte from `at` on that is not ASCII.
size_t skip_ascii(std::string_view text, size_t at) {
  for (uint64_t eight = 0; at + 8 <= text.size(); at += 8) {
    std::memcpy(&eight, text.data() + at, 8);
    if (eight & 0x8080808080808080u) break;
  }
  while (at < text.size() && byte_at(text, at) < 0x80) ++at;
  return at;
}

utf8proc_category_t category_of(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

/// Letters, numbers, punctuation and symbols; not marks, which need a letter, and not spaces or controls.
bool is_visible(char32_t code_point) {
  const auto category = category_of(code_point);
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
         (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_SO);
}

bool is_mark(utf8proc_category_t c) { return c >= UTF8PROC_CATEGORY_MN && c <= UTF8PROC_CATEGORY_ME; }

/// Unicode's Case_Ignorable: marks, modifiers, format characters, and punctuation within words.
bool is_case_ignorable(char32_t c) {
  const auto category = category_of(c);
  return (is_mark(category) && category != UTF8PROC_CATEGORY_MC) || category == UTF8PROC_CATEGORY_LM ||
         category == UTF8PROC_CATEGORY_SK || category == UTF8PROC_CATEGORY_CF ||
         std::u32string_view(
             U"'.:\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a")
                 .find(c) != std::u32string_view::npos;
}

/// Unicode's Cased, of code points that are not Case_Ignorable.
bool is_cased(char32_t c) {
  const auto category = category_of(c);
  const auto point = static_cast<utf8proc_int32_t>(c);
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LT) ||
         utf8proc_tolower(point) != point || utf8proc_toupper(point) != point || c == 0xAA || c == 0xBA ||
         (c >= 0x1F130 && c <= 0x1F189 && (c - 0x1F130) % 32 < 26);
}

/// Whether the first code point of a text that is not Case_Ignorable is Cased.
bool begins_cased(std::string_view text) {
  CodePoint c;
  for (size_t at = 0; at < text.size() && (c = decode_utf8(text, at)).bytes > 0; at += c.bytes)
    if (!is_case_ignorable(c.value)) return is_cased(c.value);
  return false;
}

std::string hex(char32_t value, size_t digits) {
  std::string text;
  for (; value > 0 || text.size() < digits; value >>= 4)
    text.insert(text.begin(), "0123456789ABCDEF"[value & 15]);
  return text;
}

}  // namespace

CodePoint decode_utf8(std::string_view text, size_t at) {
  const Match match = match_at(text, at);
  return match.matched == match.wanted ? CodePoint{match.value, match.matched} : CodePoint{};
}

void append_utf8(std::string& text, char32_t c) {
  const auto byte = [&](char32_t bits) {
    text.push_back(static_cast<char>(static_cast<unsigned char>(bits)));
  };
  const auto follow = [&](int shift) { byte(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xC0 | c >> 6);
    follow(0);
  } else if (c < 0x10000) {
    byte(0xE0 | c >> 12);
    follow(6);
    follow(0);
  } else {
    byte(0xF0 | c >> 18);
    follow(12);
    follow(6);
    follow(0);
  }
}

size_t valid_utf8_prefix(std::string_view text) {
  for (size_t at = skip_ascii(text, 0); at < text.size(); at = skip_ascii(text, at)) {
    while (at < text.size() && byte_at(text, at) >= 0x80) {  // non-ASCII characters come in runs
      const size_t bytes = decode_utf8(text, at).bytes;
      if (bytes == 0) return at;
      at += bytes;
    }
  }
  return text.size();
}

void require_utf8(std::string_view text, std::string_view what) {
  const size_t at = valid_utf8_prefix(text);
  if (at == text.size()) return;
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  const bool cut = match_at(text, at).wanted > 0 && at + match_at(text, at).matched == text.size();
  std::string bytes;
  for (size_t i = at; i < std::min(at + 4, text.size()); ++i) bytes += ' ' + hex(byte_at(text, i), 2);
  fail(ErrorCode::input, what,
       " is not valid UTF-8: ", cut ? "the last character is cut off" : "invalid bytes", " at byte ", at,
       " (line ", line, "):", bytes,
       text.find('\0') != text.npos ? "; it contains zero bytes, so it is not a text; give a text file"
                                    : "; convert it (iconv -f latin1 -t utf8) or use the byte tokenizer");
}

std::string describe(char32_t code_point) {
  const std::string number = "U+" + hex(code_point, 4);
  if (!is_visible(code_point)) return number;
  std::string text = "\"";
  append_utf8(text, code_point);
  return text + "\" (" + number + ")";
}

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

char32_t lower_case(char32_t code_point) {
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code_point)));
}

std::string lower_case(std::string_view text) {
  constexpr char32_t capital_sigma = 0x3A3, final_sigma = 0x3C2, dotted_capital_i = 0x130;
  std::string lower;
  lower.reserve(text.size());
  bool after_cased = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    const std::string_view rest = text.substr(at + std::max<size_t>(c.bytes, 1));
    if (c.bytes == 0)
      lower += text[at];
    else if (c.value == dotted_capital_i)
      lower += "i\u0307";
    else
      append_utf8(lower, c.value == capital_sigma && after_cased && !begins_cased(rest)
                             ? final_sigma
                             : lower_case(c.value));
    if (c.bytes == 0 || !is_case_ignorable(c.value)) after_cased = c.bytes > 0 && is_cased(c.value);
    at = text.size() - rest.size();
  }
  return lower;
}

int columns_of(char32_t code_point) { return utf8proc_charwidth(static_cast<utf8proc_int32_t>(code_point)); }

bool is_word_character(char32_t code_point) {
  const auto category = category_of(code_point);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO;
}

bool is_letter_or_number(char32_t code_point) {
  return is_word_character(code_point) && !is_mark(category_of(code_point));
}

std::string Utf8Stream::push(std::string_view bytes) {
  held_ += bytes;
  std::string shown;
  size_t at = 0;
  while (at < held_.size()) {
    const Match match = match_at(held_, at);
    const bool complete = match.wanted > 0 && match.matched == match.wanted;
    if (complete) {
      shown.append(held_, at, match.matched);
    } else if (match.wanted > 0 && at + match.matched == held_.size()) {
      break;  // more may follow
    } else {
      shown += replacement;
    }
    at += std::max<size_t>(match.matched, 1);
  }
  held_.erase(0, at);
  return shown;
}

std::string Utf8Stream::finish() {
  const bool cut = !held_.empty();
  held_.clear();
  return cut ? std::string(replacement) : std::string();
}

}  // namespace hewn
