// hewn bench kernels --ladder --guess: a ladder as a lesson; and where the rungs of all ladders are.

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/apps/small_run.h"
#include "tests/support/env.h"

namespace hewn::test {
namespace {

using Json = nlohmann::json;

ProcessResult walk(const std::string& input, std::vector<std::string> more = {}) {
  std::vector<std::string> words{"bench",    "kernels", "--op=matmul", "--shape=24x32x48",
                                 "--ladder", "--guess", "--threads=1", "-r2"};
  words.insert(words.end(), more.begin(), more.end());
  return hewn(words, {.input = input});
}

}  // namespace

TEST_CASE("ladder: the kernel of every rung of every ladder is found in its source") {
  const auto r = hewn({"info", "--json"});
  REQUIRE(r.exit_code == 0);
  size_t rungs = 0;
  const Json info = Json::parse(r.out);
  for (const auto& [op, ladder] : info["kernels"].items())
    for (const Json& rung : ladder) {
      ++rungs;
      INFO(op << " " << rung.dump());
      const std::string file = rung["file"];
      REQUIRE_FALSE(file.empty());
      std::ifstream source(source_dir() / file);
      std::string line;
      for (int n = 0; n < rung["line"].get<int>(); ++n) REQUIRE(std::getline(source, line));
      CHECK(contains(line, "void "));
      CHECK(contains(line, "("));
      CHECK(file.ends_with(".cu") == rung["rung"].get<std::string>().starts_with("cuda"));
    }
  CHECK(rungs > 100);
}

TEST_CASE("ladder: guesses are read from a pipe and stand beside the times") {
  if (left_out()) return;
  const auto r = walk("2.5\nfast\n3\n\n");
  INFO(r.out << r.err);
  REQUIRE(r.exit_code == 0);
  for (const char* part :
       {"1 of ", "How many times as fast as reference will it be?", "'fast' is not a positive number",
        "rows, kernels/matmul/lessons/rows.cpp:", "    + ", "    - ", "GFLOP/s",
        "-bound: ", "Times as fast as the previous rung", "x 2.5", "x 3"})
    CHECK(contains(r.out, part));
  CHECK_FALSE(contains(r.out, "How many times as fast as vectors"));  // the input has ended
}

TEST_CASE("ladder: JSON holds guesses, times and places, and the lesson is on standard error") {
  if (left_out()) return;
  const auto r = walk("2\n", {"--json"});
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  const Json rows = Json::parse(r.out);
  REQUIRE(rows.size() > 5);
  CHECK(rows[1]["guess"] == 2);
  CHECK_FALSE(rows[2].contains("guess"));
  CHECK(rows[1]["file"] == "kernels/matmul/lessons/rows.cpp");
  for (size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i].contains("times_previous") == (i > 0));
    CHECK(rows[i]["waits_for"].get<std::string>().size() > 10);
    CHECK(rows[i]["idea"].get<std::string>().size() > 5);
  }
  CHECK(contains(r.err, "How many times as fast as reference"));
}

TEST_CASE("ladder: refuses more than one ladder and set of conditions") {
  CHECK_FAILS(hewn({"bench", "kernels", "--op=matmul", "--guess"}), 2, "add --ladder and one --op");
  CHECK_FAILS(walk("", {"--threads=1,2"}), 2, "expected one number of threads");
  CHECK_FAILS(walk("", {"--cache=both"}), 2, "expected warm or cold");
  CHECK_FAILS(walk("", {"--compare=openblas"}), 2, "--compare and --guess exclude each other");
}

}  // namespace hewn::test
