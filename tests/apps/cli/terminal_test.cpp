#include "apps/cli/terminal.h"

#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <functional>

#include "model/tokenizer/utf8.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"

using namespace hewn;
using namespace hewn::cli;

namespace {

// What a terminal receives from a process that writes.
std::string on_terminal(const std::function<void()>& write) {
  int master = -1;
  const pid_t child = ::forkpty(&master, nullptr, nullptr, nullptr);
  REQUIRE(child >= 0);
  if (child == 0) {
    write();
    ::_exit(0);
  }
  std::string received;
  std::array<char, 4096> some;
  for (ssize_t n = 0; (n = ::read(master, some.data(), some.size())) > 0;)
    received.append(some.data(), static_cast<size_t>(n));
  ::close(master);
  ::waitpid(child, nullptr, 0);
  return received;
}

}  // namespace

TEST_CASE("control characters are shown, all others pass") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", ""},
      {"plain text\twith\nlines\n", "plain text\twith\nlines\n"},
      {"é, 水, 🙂, e\xcc\x81", "é, 水, 🙂, e\xcc\x81"},
      {"\x1b]52;c;QQ==\x07", "\\x1b]52;c;QQ==\\x07"},
      {"\x1b[2J\x1b]0;title\x1b\\", "\\x1b[2J\\x1b]0;title\\x1b\\"},
      {std::string("\0\x01\x08\x0b\x0c\x0e\x1f\x7f", 8), "\\x00\\x01\\x08\\x0b\\x0c\\x0e\\x1f\\x7f"},
      {"a\rb", "a\\x0db"},
      {"a\r\nb\r", "a\r\nb\\x0d"},
      {"\r\r\n", "\\x0d\r\n"},
      {"\xc2\x80\xc2\x9b\x32J\xc2\x9f\xc2\xa0", "\\u0080\\u009b2J\\u009f\xc2\xa0"},  // C1; U+00A0 is none
      {"\x9b\x32J", "\\x9b2J"},                                                      // C1 as a byte
      {"\xff\xfe", "\\xff\\xfe"},
      {"\xc0\x9b", "\\xc0\\x9b"},                                      // ESC in two bytes
      {"\xe0\x80\x9b\xed\xa0\x80", "\\xe0\\x80\\x9b\\xed\\xa0\\x80"},  // in three bytes; a surrogate
      {"\xe6\xb0", "\\xe6\\xb0"},                                      // half a character
      {"\xe6\x1b[1m", "\\xe6\\x1b[1m"},
      {"\u202a\u202e\u2066\u2069", "\\u202a\\u202e\\u2066\\u2069"},
      {"\u2029\u202f\u2065\u206a", "\u2029\u202f\u2065\u206a"},
  };
  for (const auto& [text, shown] : cases) {
    INFO(text);
    CHECK(visible(text) == shown);
  }
}

TEST_CASE("any bytes are shown as UTF-8 without control characters") {
  test::Random random("visible");
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (int64_t n = random.integer(0, 40); n > 0; --n)
      if (random.integer(0, 3) == 0)
        append_utf8(text, static_cast<char32_t>(random.integer(0, 0x2100)));
      else
        text += static_cast<char>(random.integer(0, 255));
    const std::string shown = visible(text);
    CHECK(valid_utf8_prefix(shown) == shown.size());
    for (size_t at = 0; at < shown.size();) {
      const CodePoint c = decode_utf8(shown, at);
      at += c.bytes;
      if (c.value == '\n' || c.value == '\t' || (c.value == '\r' && shown[at] == '\n')) continue;
      CHECK_FALSE((c.value < 0x20 || (c.value >= 0x7f && c.value <= 0x9f)));
    }
    CHECK(visible(shown) == shown);
  }
}

TEST_CASE("a terminal gets the program's own sequences and no others") {
  const std::string own = control_sequence("\x1b[K"), stolen = own.substr(0, own.find("\x1b[K"));
  CHECK(on_terminal([&] { write_message(join(own, "\x1b[K", own)); }) == "\x1b[K\\x1b[K\x1b[K");
  CHECK(on_terminal([&] {
          write_result(join(own, "\x1b[2J"));
          flush_results();
        }) == "\x1b[K\\x1b[2J");
  // A sequence that was cut off is shown, as is one that imitates the mark of another process.
  CHECK(visible(stolen) != stolen);
  CHECK(on_terminal([&] { write_message(join(stolen, "\x1b[2J")); }).find("\x1b[2J") == std::string::npos);
  CHECK(on_terminal([] { write_message("\x1b-1-2-3-4;\x1b[2J\x1b-1-2-3-4;"); }) ==
        "\\x1b-1-2-3-4;\\x1b[2J\\x1b-1-2-3-4;");
}

TEST_CASE("a character that arrives in pieces stays whole on a terminal") {
  const std::string text = "né水🙂\x9b.\r\n\xe6";
  const std::string whole = on_terminal([&] {
    write_result(text);
    end_results();
  });
  CHECK(whole == "né水🙂\\x9b.\r\r\n\\xe6");  // the terminal adds the second \r
  CHECK(on_terminal([&] {
          for (const char byte : text) {
            write_result(std::string_view(&byte, 1));
            flush_results();
          }
          end_results();
        }) == whole);
  // What is complete is written at once, not held back.
  CHECK(on_terminal([] {
          write_result("a\xe6\xb0");
          flush_results();
        }) == "a");
  CHECK(on_terminal([] {
          write_result("水\x80");
          flush_results();
        }) == "水\\x80");
}
