// Files to which lines are added by processes that may be killed.

#include "core/io/line_file.h"

#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "core/error.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"

namespace hewn::test {

using Lines = std::vector<std::string>;

TEST_CASE("a line file keeps its lines and drops an incomplete last one") {
  const TempDir dir;
  const std::string path = (dir / "lines").string();
  {
    LineFile file(path);
    CHECK(file.lines().empty());
    CHECK(!std::filesystem::exists(path));
    file.add("one");
    file.add("");
    file.add("two");
  }
  CHECK(read_file(path) == "one\n\ntwo\n");
  write_file(path, "one\n\ntwo\nthr");
  CHECK(complete_lines(path) == Lines{"one", "", "two"});
  CHECK(read_file(path) == "one\n\ntwo\nthr");  // reading repairs nothing
  LineFile file(path);
  CHECK(file.lines() == Lines{"one", "", "two"});
  CHECK(read_file(path) == "one\n\ntwo\n");
  file.add("three");
  CHECK(file.lines() == Lines{"one", "", "two", "three"});
  CHECK(read_file(path) == "one\n\ntwo\nthree\n");
  CHECK(LineFile(path).lines() == Lines{"one", "", "two", "three"});
  CHECK(read_file(path) == "one\n\ntwo\nthree\n");  // nothing to repair
  write_file(path, "on");
  CHECK(LineFile(path).lines().empty());
  CHECK(read_file(path).empty());
}

TEST_CASE("a line file reports what it cannot read or write") {
  const TempDir dir;
  CHECK(complete_lines((dir / "none").string()).empty());
  write_file(dir / "long", "0123456789\n");
  CHECK_THROWS_AS(LineFile((dir / "long").string(), 5), Error);
  CHECK_THROWS_AS(LineFile(dir.path().string()), Error);
  LineFile nowhere((dir / "none/lines").string());
  CHECK_THROWS_AS(nowhere.add("x"), Error);
  LineFile file((dir / "lines").string());
  CHECK_THROWS_AS(file.add("two\nlines"), Error);
  std::filesystem::create_directory(dir / "lines");
  CHECK(fails(ErrorCode::failed, {(dir / "lines").string(), "cannot be written"}, [&] { file.add("x"); }));
}

TEST_CASE("a line that cannot be written as a whole is not left in part") {
  const TempDir dir;
  const std::string path = (dir / "lines").string();
  LineFile file(path);
  file.add("first");
  struct rlimit before {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  struct rlimit limit = before;
  limit.rlim_cur = 9;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  const auto refused = fails(ErrorCode::failed, {path, "cannot be written"}, [&] { file.add("second"); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(refused);
  CHECK(read_file(path) == "first\n");
  file.add("third");
  CHECK(file.lines() == Lines{"first", "third"});
  CHECK(read_file(path) == "first\nthird\n");
}

}  // namespace hewn::test
