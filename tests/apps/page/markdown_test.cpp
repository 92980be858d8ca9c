#include "apps/page/markdown.h"

#include "tests/support/catch.h"

using namespace hewn::cli;

namespace {

std::string html(std::string_view text) {
  return markdown_html(
      parse_markdown(text),
      {.link = [](const std::string& target) { return target == "gone.md" ? "" : "#" + target; },
       .picture = [](const std::string& file) { return "<svg>" + file + "</svg>"; }});
}

}  // namespace

TEST_CASE("markdown: blocks") {
  CHECK(html("# One\n\ntwo\nthree\n\n## Four\nfive") ==
        "<h1>One</h1>\n<p>two three</p>\n<h2>Four</h2>\n<p>five</p>\n");
  CHECK(html("* a\n  b\n* c\n\n1. d\n2. e\n") ==
        "<ul><li>a b</li><li>c</li></ul>\n<ol><li>d</li><li>e</li></ol>\n");
  CHECK(html("```console\n$ a <b>\n\n# c\n```\nd") ==
        "<pre><code>$ a &lt;b&gt;\n\n# c\n</code></pre>\n<p>d</p>\n");
  CHECK(html("| a | `b|c` |\n|---|---|\n| 1 | 2 |\n") ==
        "<table><tr><th>a</th><th><code>b|c</code></th></tr><tr><td>1</td><td>2</td></tr></table>\n");
  CHECK(html("![The *a*,\nand b](c.svg)\n\nd") ==
        "<figure><svg>c.svg</svg><figcaption>The <em>a</em>, and b</figcaption></figure>\n<p>d</p>\n");
}

TEST_CASE("markdown: marks within text") {
  CHECK(html("**a `b*c`** *d* 2 * 3 [e](f.md) [g](gone.md)") ==
        "<p><strong>a <code>b*c</code></strong> <em>d</em> 2 * 3 <a href=\"#f.md\">e</a> g</p>\n");
  CHECK(html("<script>").find("<script>") == std::string::npos);
  CHECK(plain_markdown("**a** `b` [c](d) *e*") == "a `b` c e");
}

TEST_CASE("markdown: unfinished text is text") {
  for (const char* text : {"**a", "`a", "[a](b", "![a](b", "*", "#", "```", "| a", "1.", "![", "[]()", ""}) {
    INFO(text);
    CHECK_NOTHROW(html(text));
    CHECK_NOTHROW(plain_markdown(text));
  }
}
