#pragma once
// What a page of apps/page holds.

#include <string>

#include "tests/support/catch.h"

namespace hewn::test {

/// The text between `begin` and the next `end`.
inline std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const size_t at = text.find(begin);
  REQUIRE(at != text.npos);
  const size_t from = at + begin.size(), to = text.find(end, from);
  REQUIRE(to != text.npos);
  return text.substr(from, to - from);
}

/// The JSON of a page, and its script.
inline std::string data_of_page(const std::string& page) {
  return between(page, "<script type=\"application/json\" id=\"data\">", "</script>");
}
inline std::string script_of_page(const std::string& page) { return between(page, "<script>", "</script>"); }

}  // namespace hewn::test
