#include "core/text.h"

#include <cmath>
#include <cstdio>
#include <limits>

namespace hewn {

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

}  // namespace hewn
