// What text becomes inside a page.

#include "apps/page/page.h"

#include <nlohmann/json.hpp>

#include "tests/support/catch.h"

namespace hewn::test {

TEST_CASE("page: JSON in a script cannot end it, and stays the same JSON", "[page]") {
  const std::string texts[] = {"</script><script>alert(1)</script>",
                               "<!--",
                               "]]>",
                               "a\xe2\x80\xa8"
                               "b\xe2\x80\xa9"
                               "c",
                               "\\u003c \" \n",
                               "gr\xc3\xbc\xc3\x9f \xf0\x9f\xa6\x8a"};
  for (const std::string& text : texts) {
    INFO(text);
    const std::string script = cli::inside_script(nlohmann::json(text).dump());
    CHECK(script.find('<') == script.npos);
    CHECK(script.find("\xe2\x80\xa8") == script.npos);
    CHECK(script.find("\xe2\x80\xa9") == script.npos);
    CHECK(nlohmann::json::parse(script) == text);
  }
  CHECK(cli::inside_script("\"</script>\"") == "\"\\u003c/script>\"");
  CHECK(cli::inside_script("\"\xe2\x80\xa8\"") == "\"\\u2028\"");
}

TEST_CASE("page: bytes that are not UTF-8 are replaced", "[page]") {
  const std::string mark = "\xef\xbf\xbd";
  CHECK(cli::inside_script("a\xff"
                           "b") == "a" + mark + "b");
  CHECK(cli::inside_script("\xe2\x82") == mark + mark);  // the beginning of a longer one
  CHECK(cli::inside_html("\xc0<") == mark + "&lt;");
}

TEST_CASE("page: text in HTML", "[page]") {
  CHECK(cli::inside_html("<b title=\"x\"> & 'y'") == "&lt;b title=&quot;x&quot;&gt; &amp; 'y'");
}

}  // namespace hewn::test
