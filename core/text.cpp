#include "core/text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace hewn {
namespace {

bool is_safe(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-+=./,:@%").find(c) != std::string_view::npos;
}

}  // namespace

double printable(double x) { return std::isnan(x) ? std::numeric_limits<double>::quiet_NaN() : x; }

std::string fixed(double x, int digits) {
  std::string text(static_cast<size_t>(std::snprintf(nullptr, 0, "%.*f", digits, printable(x))), ' ');
  std::snprintf(text.data(), text.size() + 1, "%.*f", digits, printable(x));
  return text;
}

void append_part(std::string& text, std::string_view part) { text += part; }
void append_part(std::string& text, char part) { text += part; }
void append_part(std::string& text, double part) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%g", printable(part));
  text += digits;
}

std::string shell_word(std::string_view word) {
  const bool safe = std::all_of(word.begin(), word.end(), is_safe);
  if (safe && !word.empty()) return std::string(word);
  const size_t equals = std::min(word.find('='), word.size());
  const std::string_view key = word.substr(0, equals);
  if (equals < word.size() && key.starts_with("--") && std::all_of(key.begin(), key.end(), is_safe))
    return std::string(key) + "=" + shell_word(word.substr(equals + 1));
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace hewn
