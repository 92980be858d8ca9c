// The grid of a sweep: what may be written, its combinations, and the names of its runs.

#include <set>

#include "core/error.h"
#include "tests/support/catch.h"
#include "train/sweep/definition.h"

namespace hewn::test {

using Values = std::vector<std::string>;

TEST_CASE("a key of a grid and its values are parsed") {
  CHECK(parse_grid_key("n_layer=2,4") == GridKey{"n_layer", {"2", "4"}});
  CHECK(parse_grid_key("n-layer=2") == GridKey{"n_layer", {"2"}});
  CHECK(parse_grid_key("dataset=a:1,b:2|tales") == GridKey{"dataset", {"a:1,b:2", "tales"}});
  CHECK(parse_grid_key("start=a=b") == GridKey{"start", {"a=b"}});
  for (const char* wrong :
       {"", "n_layer", "=2", "n_layer=", "n_layer=2,", "n_layer=,2", "n_layer=2,,4", "a=b|"})
    CHECK_THROWS_AS(parse_grid_key(wrong), Error);
}

TEST_CASE("a grid has every key and value once, and a bounded number of runs") {
  CHECK_NOTHROW(check_grid({{"a", {"1", "2"}}, {"b", {"1"}}}, 3));
  CHECK_THROWS_AS(check_grid({{"a", {"1"}}, {"a", {"2"}}}, 1), Error);
  CHECK_THROWS_AS(check_grid({{"a", {"1", "1"}}}, 1), Error);
  Values many;
  for (int i = 0; i < 101; ++i) many.push_back(std::to_string(i));
  CHECK_THROWS_AS(check_grid({{"a", many}, {"b", many}}, 1), Error);
  CHECK_NOTHROW(check_grid({{"a", many}}, 99));
  CHECK_THROWS_AS(check_grid({{"a", many}}, 100), Error);
}

TEST_CASE("combinations are all there, the last key fastest") {
  CHECK(combinations({}) == std::vector<Values>{{}});
  CHECK(combinations({{"a", {"1", "2"}}, {"b", {"x", "y"}}}) ==
        std::vector<Values>{{"1", "x"}, {"1", "y"}, {"2", "x"}, {"2", "y"}});
}

TEST_CASE("names of runs are readable, safe and different") {
  const std::vector<GridKey> grid{{"n_layer", {"2"}}, {"dropout", {"0.2"}}};
  CHECK(sweep_run_name(grid, {"2", "0.2"}, 7) == "n_layer=2,dropout=0.2,seed=7");
  CHECK(sweep_run_name({}, {}, 1337) == "seed=1337");
  CHECK(sweep_run_name({{"seed", {"3"}}}, {"3"}, 3) == "seed=3");
  const std::vector<GridKey> files{{"dataset", {}}};
  CHECK(sweep_run_name(files, {"A_b-c+Z.09"}, 1) == "dataset=A_b-c+Z.09,seed=1");
  CHECK(sweep_run_name(files, {"x{y[z:~"}, 1).starts_with("dataset=x-y-z---"));
  CHECK(sweep_run_name(files, {"/a/runs//"}, 1).starts_with("dataset=runs-"));
  CHECK(sweep_run_name(files, {"/a/runs"}, 1) != sweep_run_name(files, {"/a/runs/"}, 1));
  const std::string one = sweep_run_name(files, {"/a/my book.txt"}, 1);
  const std::string other = sweep_run_name(files, {"/b/my book.txt"}, 1);
  CHECK(one.starts_with("dataset=my-book.txt-"));
  CHECK(one != other);
  CHECK(one.find_first_of("/ :|*$") == one.npos);
  const std::string long_name = sweep_run_name(files, {std::string(5000, 'x')}, 1);
  CHECK(long_name.size() < 255);
  CHECK(long_name != sweep_run_name(files, {std::string(5001, 'x')}, 1));
  CHECK(sweep_run_name(files, {".."}, 1).starts_with("dataset=.."));
}

TEST_CASE("the definition of a sweep is read as it was written") {
  const SweepDefinition sweep{.base = {{"n_embd", "64"}, {"dataset", "/a b/\"c\".txt"}},
                              .grid = {{"n_layer", {"2", "4"}}},
                              .seeds = 3};
  const SweepDefinition read = SweepDefinition::from_json(sweep.to_json(), "sweep.json");
  CHECK(read.base == sweep.base);
  CHECK(read.grid == sweep.grid);
  CHECK(read.seeds == 3);
  for (const char* wrong :
       {"", "{}", "[]", R"({"format":"hewn-task","version":1,"base":{},"grid":{},"seeds":1})",
        R"({"format":"hewn-sweep","version":2,"base":{},"grid":{},"seeds":1})",
        R"({"format":"hewn-sweep","version":1,"base":{"a":1},"grid":{},"seeds":1})",
        R"({"format":"hewn-sweep","version":1,"base":{},"grid":{"a":[]},"seeds":1})",
        R"({"format":"hewn-sweep","version":1,"base":{},"grid":{"a":["1"]},"seeds":0})",
        R"({"format":"hewn-sweep","version":1,"base":{},"grid":{"a":["1"]},"seeds":1.5})",
        R"({"format":"hewn-sweep","version":1,"base":{},"grid":{"a":["1"]},"seeds":1000000000000})"}) {
    INFO(wrong);
    CHECK_THROWS_AS(SweepDefinition::from_json(wrong, "sweep.json"), Error);
  }
}

TEST_CASE("a sweep is extended by values, and by nothing else") {
  const std::vector<GridKey> stored{{"a", {"1", "2"}}, {"b", {"x"}}};
  CHECK(extended_grid(stored, {{"b", {"y", "x"}}, {"a", {"3", "2", "1"}}}, "s") ==
        std::vector<GridKey>{{"a", {"1", "2", "3"}}, {"b", {"x", "y"}}});
  CHECK_THROWS_AS(extended_grid(stored, {{"a", {"1"}}, {"b", {"x"}}}, "s"), Error);
  CHECK_THROWS_AS(extended_grid(stored, {{"a", {"1", "2"}}}, "s"), Error);
  CHECK_THROWS_AS(extended_grid(stored, {{"a", {"1", "2"}}, {"b", {"x"}}, {"c", {"1"}}}, "s"), Error);
  CHECK_THROWS_WITH(extended_grid({}, stored, "s"),
                    Catch::Contains("the keys are a, b, but the sweep in s has none"));
}

}  // namespace hewn::test
