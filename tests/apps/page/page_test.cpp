// The policy of a page, and the sums that it consists of.

#include "apps/page/page.h"

#include "tests/apps/page/embedded_data.h"
#include "train/inspect/trace/trace_json.h"

namespace hewn::test {
namespace {

std::string hex(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += "0123456789abcdef"[byte >> 4U];
    text += "0123456789abcdef"[byte & 15U];
  }
  return text;
}

}  // namespace

TEST_CASE("page: SHA-256 of the examples of its standard", "[page]") {
  CHECK(hex(cli::sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex(cli::sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex(cli::sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hex(cli::sha256(std::string(1'000'000, 'a'))) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("page: the policy names the script and the styles by their hashes, and allows nothing else",
          "[page]") {
  const auto named = [](const std::string& text) { return "'sha256-" + base64(cli::sha256(text)) + "'"; };
  const auto policy = [](const std::string& page) {
    return between(page, "Content-Security-Policy\" content=\"", "\">");
  };
  const std::string page = cli::page({.title = "<t>",
                                      .style = "p { margin: 0 }",
                                      .script = "show(data);",
                                      .body = "<p>text</p>",
                                      .picture_style = ".picture { color: red }"},
                                     "{\"a\": \"</script>\"}");
  CHECK(policy(page) == "default-src 'none'; script-src " + named(script_of_page(page)) + "; style-src " +
                            named(between(page, "<style>", "</style>")) + " " +
                            named(".picture { color: red }") + "; img-src data:");
  CHECK(script_of_page(page).ends_with("\nshow(data);"));
  CHECK(between(page, "<style>", "</style>").ends_with("\np { margin: 0 }"));

  const std::string plain = cli::plain_page("<t>", cli::html_table({{"name", "value"}, {"<a>", "1.5"}}));
  CHECK(policy(plain) == "default-src 'none'; script-src " + named(script_of_page(plain)) + "; style-src " +
                             named(between(plain, "<style>", "</style>")) + "; img-src data:");
  CHECK(plain.find("<noscript>") == plain.npos);
  CHECK(plain.find("<td>&lt;a&gt;<td class=\"number\">1.5") != plain.npos);
  CHECK(plain.find(" style=") == plain.npos);
}

}  // namespace hewn::test
