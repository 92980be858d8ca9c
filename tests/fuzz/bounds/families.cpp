#include "tests/fuzz/bounds/families.h"

namespace hewn::test {

std::vector<Family>& families() {
  static std::vector<Family> all;
  return all;
}

std::string parts(size_t bytes, const std::function<std::string(size_t i)>& part) {
  std::string text;
  for (size_t i = 0;; ++i) {
    const std::string next = part(i);
    if (text.size() + next.size() > bytes) return text;
    text += next;
  }
}

std::string repeated(size_t bytes, std::string_view part) {
  return parts(bytes, [&](size_t) { return std::string(part); });
}

std::string name_of_number(size_t i) {
  constexpr std::string_view signs = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::string name(1, signs[i % 26]);  // a letter first
  for (i /= 26; i > 0; i /= signs.size()) name += signs[i % signs.size()];
  return name;
}

}  // namespace hewn::test
