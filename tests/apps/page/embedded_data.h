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

/// A page with a script of the test in front of `before`, which the page's policy then allows.
inline std::string with_script(std::string page, const std::string& before, const std::string& script) {
  const std::string policy = "script-src 'nonce-test'";
  if (page.find(policy) == page.npos) page.replace(page.find("script-src"), 10, policy);
  const size_t at = page.find(before);
  REQUIRE(at != page.npos);
  return page.insert(at, "<script nonce=\"test\">" + script + "</script>");
}

}  // namespace hewn::test
