#include "apps/page/escape.h"

#include "model/tokenizer/utf8.h"

namespace hewn::cli {
namespace {

// The text with each code point as `escaped(code_point)` writes it, or unchanged if that returns an empty text.
template <class Escaped>
std::string with_escapes(std::string_view text, Escaped escaped) {
  std::string result;
  result.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    if (point.bytes == 0) {
      append_utf8(result, U'\ufffd');
      ++at;
      continue;
    }
    const std::string_view other = escaped(point.value);
    result += other.empty() ? text.substr(at, point.bytes) : other;
    at += point.bytes;
  }
  return result;
}

}  // namespace

std::string inside_script(std::string_view json) {
  return with_escapes(json, [](char32_t c) -> std::string_view {
    switch (c) {
      case U'<': return "\\u003c";
      case U'\u2028': return "\\u2028";
      case U'\u2029': return "\\u2029";
      default: return "";
    }
  });
}

std::string inside_html(std::string_view text) {
  return with_escapes(text, [](char32_t c) -> std::string_view {
    switch (c) {
      case U'<': return "&lt;";
      case U'>': return "&gt;";
      case U'&': return "&amp;";
      case U'"': return "&quot;";
      default: return "";
    }
  });
}

}  // namespace hewn::cli
