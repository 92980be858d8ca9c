#include "core/text.h"

#include <cstdio>

namespace hewn {

void append_part(std::string& text, std::string_view part) { text += part; }
void append_part(std::string& text, char part) { text += part; }
void append_part(std::string& text, double part) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%g", part);
  text += digits;
}

}  // namespace hewn
