#include "model/tokenizer/utf8.h"

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"

using namespace hewn;
using test::fails;
using test::Random;

namespace {

bool is_scalar_value(char32_t c) { return c < 0xD800 || (c > 0xDFFF && c < 0x110000); }

std::string random_text(Random& random, int64_t length) {
  std::string text;
  while (length > 0) {
    const int64_t limits[] = {0x80, 0x800, 0x10000, 0x110000};
    const auto c = static_cast<char32_t>(random.integer(0, limits[random.integer(0, 3)] - 1));
    if (!is_scalar_value(c)) continue;
    append_utf8(text, c);
    --length;
  }
  return text;
}

}  // namespace

TEST_CASE("every code point is encoded and decoded back", "[utf8]") {
  const auto right = [](char32_t c) {
    std::string text;
    append_utf8(text, c);
    for (size_t cut = 1; cut < text.size(); ++cut) {
      if (decode_utf8(text.substr(0, cut), 0).bytes != 0) return false;
    }
    const CodePoint back = decode_utf8(text, 0);
    if (!is_scalar_value(c)) return back.bytes == 0;  // a surrogate
    const size_t bytes = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    return text.size() == bytes && back.bytes == bytes && back.value == c;
  };
  int wrong = 0;
  for (char32_t c = 0; c < 0x110000; ++c) wrong += !right(c);
  CHECK(wrong == 0);
}

TEST_CASE("invalid UTF-8 is found at its first byte", "[utf8]") {
  const char* const bad[] = {"\x80",
                             "\xBF",
                             "\xC0\x80",
                             "\xC1\xBF",
                             "\xC3",
                             "\xC3\x28",
                             "\xE0\x80\x80",
                             "\xE0\x9F\xBF",
                             "\xED\xA0\x80",
                             "\xED\xBF\xBF",
                             "\xE2\x82",
                             "\xE2\x28\xA1",
                             "\xF0\x8F\xBF",
                             "\xF0\x80\x80\x80",
                             "\xF4\x90\x80\x80",
                             "\xF5\x80\x80\x80",
                             "\xF0\x9F\x98",
                             "\xFE",
                             "\xFF"};
  for (const std::string bytes : bad) {
    for (const std::string before : {"", "a", "12345678", "123456789", "\u00e9\u4e16"}) {
      CHECK(valid_utf8_prefix(before + bytes) == before.size());
      CHECK(valid_utf8_prefix(before + bytes + "and more text after") == before.size());
    }
  }
  CHECK(valid_utf8_prefix("") == 0);
  CHECK(valid_utf8_prefix(std::string("\0", 1)) == 1);
  Random random("utf8 valid");
  for (int round = 0; round < 200; ++round) {
    const std::string text = random_text(random, random.integer(0, 50));
    REQUIRE(valid_utf8_prefix(text) == text.size());
  }
}

TEST_CASE("the error for invalid text has its place and bytes", "[utf8]") {
  CHECK(fails(ErrorCode::input,
              {"the prompt is not valid UTF-8", "byte 8 (line 3)", "E9 20", "byte tokenizer"},
              [] { require_utf8("one\ntwo\n\xE9 more", "the prompt"); }));
  CHECK(fails(ErrorCode::input, {"cut off at byte 1", "E2 82"}, [] { require_utf8("a\xE2\x82", "it"); }));
  require_utf8("f\u00fcr", "fine");
}

TEST_CASE("characters are described visibly", "[utf8]") {
  CHECK(describe(U'a') == "\"a\" (U+0061)");
  CHECK(describe(U'\u00e9') == "\"\u00e9\" (U+00E9)");
  CHECK(describe(U'\U0001F600') == "\"\U0001F600\" (U+1F600)");
  for (const auto& [c, text] : {std::pair(U'\n', "U+000A"),
                                {U'\x1b', "U+001B"},
                                {U'\u200d', "U+200D"},
                                {U'\u0301', "U+0301"},
                                {U'\ue000', "U+E000"},
                                {U'\0', "U+0000"}}) {
    CHECK(describe(c) == text);
  }
}

TEST_CASE("words consist of letters, marks and numbers of any script", "[utf8]") {
  for (char32_t c : U"azAZ09\u00e9\u0436\u4e16\u0301\u0661") CHECK((c == 0 || is_word_character(c)));
  for (char32_t c : U" \n.,'-_\u2014\u3002\U0001F600\u200d") CHECK_FALSE(is_word_character(c));
}

TEST_CASE("a text in lower case is that of Python's str.lower", "[utf8]") {
  CHECK(lower_case("ABC \u00c9\u1e9e \u212a \u0130I") == "abc \u00e9\u00df k i\u0307i");
  // Sigmas: at the end of a word, at its beginning, alone; punctuation and marks within words do not count.
  CHECK(lower_case("\u039f\u03a3 \u03a3\u0391\u03a3 \u03a3 1\u03a3") ==
        "\u03bf\u03c2 \u03c3\u03b1\u03c2 \u03c3 1\u03c3");
  CHECK(
      lower_case("\u0391\u03a3. \u0391\u03a3.\u0392 \u0391\u03a3\u0301\u0392 \u0391'\u03a3' \u00aa\u03a3") ==
      "\u03b1\u03c2. \u03b1\u03c3.\u03b2 \u03b1\u03c3\u0301\u03b2 \u03b1'\u03c2' \u00aa\u03c2");
  CHECK(lower_case("\u2160\u03a3 \U0001F130\u03a3 \U0001F14A\u03a3 \u0903\u03a3") ==
        "\u2170\u03c2 \U0001F130\u03c2 \U0001F14A\u03c3 \u0903\u03c3");
  CHECK(lower_case("A\xff\u03a3\xc3") == "a\xff\u03c3\xc3");
}

TEST_CASE("a stream outputs valid text however the bytes are split", "[utf8]") {
  Random random("utf8 stream");
  for (int round = 0; round < 300; ++round) {
    const std::string text = random_text(random, 20);
    Utf8Stream stream;
    std::string shown;
    for (size_t at = 0; at < text.size();) {
      const auto n = static_cast<size_t>(random.integer(0, 4));
      const std::string now = stream.push(std::string_view(text).substr(at, n));
      REQUIRE(valid_utf8_prefix(now) == now.size());
      shown += now;
      at += n;
    }
    shown += stream.finish();
    REQUIRE(shown == text);
  }
}

TEST_CASE("a stream replaces invalid bytes, the same for every split", "[utf8]") {
  const auto show = [](std::string_view bytes, size_t piece) {
    Utf8Stream stream;
    std::string shown;
    for (size_t at = 0; at < bytes.size(); at += piece) shown += stream.push(bytes.substr(at, piece));
    return shown + stream.finish();
  };
  // The example of the Unicode Standard, table 3-11 (maximal subparts), and cut characters.
  CHECK(show("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", 100) == "\uFFFD\uFFFD\uFFFD\uFFFDA");
  CHECK(show("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", 100) ==
        "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDA");
  CHECK(show("\xED\xA0\x80\x41", 100) == "\uFFFD\uFFFD\uFFFDA");
  CHECK(show("a\xF0\x9F\x98", 100) == "a\uFFFD");
  Random random("utf8 stream bad");
  for (int round = 0; round < 500; ++round) {
    std::string bytes(30, '\0');
    for (char& c : bytes)
      c = static_cast<char>(random.integer(0, 2) ? random.bits() | 0x80 : random.bits() & 0x7F);
    const std::string whole = show(bytes, 100);
    REQUIRE(valid_utf8_prefix(whole) == whole.size());
    for (size_t piece = 1; piece < 5; ++piece) REQUIRE(show(bytes, piece) == whole);
  }
}
