// Messages of errors: their context, and their length.

#include "core/error.h"

#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace hewn {

using test::error_of;

TEST_CASE("a message names what was being done, the innermost first", "[error]") {
  const auto error = error_of([] {
    const Doing outer("opening ", "a"), inner("reading ", 7);
    fail(ErrorCode::input, "it is ", 1.5);
  });
  REQUIRE(error);
  CHECK(std::string(error->what()) == "it is 1.5\n  while reading 7\n  while opening a");
}

TEST_CASE("the contexts of a message fit into one line, its other lines stay", "[error]") {
  const auto error = error_of([] {
    const Doing outer("opening ", "a"), inner("reading ", 7);
    fail(ErrorCode::input, "it is 1.5\n  saved b");
  });
  REQUIRE(error);
  CHECK(error->one_line() == "it is 1.5\n  saved b, while reading 7, while opening a");
  CHECK(Error(ErrorCode::input, "it is 2").one_line() == "it is 2");
}

TEST_CASE("a message stays readable whatever a file's names are", "[error]") {
  const auto error =
      error_of([] { fail(ErrorCode::input, "the name ", std::string(1'000'000, 'x'), " is too long"); });
  REQUIRE(error);
  const std::string text = error->what();
  CHECK(text.size() < 10'000);
  CHECK(text.starts_with("the name xxx"));
  CHECK(text.ends_with("xxx is too long"));
  CHECK(text.find("991829 bytes left out") != text.npos);
  // No character is cut.
  std::string signs;
  for (int i = 0; i < 10'000; ++i) signs += "\u2581";
  for (const std::string end : {"b", "bb", "bbb"}) {
    const std::string cut = error_of([&] { fail(ErrorCode::input, "aa", signs, end); })->what();
    CHECK(cut.find(" [") % 3 == 2);
    CHECK((cut.size() - cut.find("] ") - 2) % 3 == end.size() % 3);
  }
}

TEST_CASE("a long message of bytes that begin no character is left out whole", "[error]") {
  const auto error = error_of([] { fail(ErrorCode::input, std::string(10'000, '\x80')); });
  REQUIRE(error);
  CHECK(std::string(error->what()) == " [10000 bytes left out] ");
}

}  // namespace hewn
