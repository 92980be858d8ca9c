// hewn trace --expr from the command line.

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/apps/small_run.h"
#include "tests/support/catch.h"

namespace hewn::test {
namespace {

using nlohmann::json;

}  // namespace

TEST_CASE("trace: the tape of a formula, as text, JSON and a graph", "[trace]") {
  const auto text = hewn({"trace", "--expr=y = tanh(w*x + b)", "w=0.5", "x=2", "b=-1"});
  INFO(text.out << text.err);
  CHECK(text.exit_code == 0);
  for (const char* part : {"#0    mul ", "#1    add ", "#2 y  tanh ", "passes dy on to #0, sets b",
                           "sets w, sets x", "w  = 0.5  gradient 2", "x  = 2    gradient 0.5"}) {
    INFO(part);
    CHECK(contains(text.out, part));
  }

  const auto twice = hewn({"trace", "--expr=b = a + a; c = b + b", "a=1", "--json"});
  REQUIRE(twice.exit_code == 0);
  const json trace = json::parse(twice.out);
  CHECK(trace["format"] == "hewn-trace");
  CHECK(trace["version"] == 1);
  CHECK(trace["expr"] == "b = a + a; c = b + b");
  CHECK(trace["loss"] == 4);
  CHECK(trace["nodes"][0]["name"] == "b");
  CHECK(trace["nodes"][0]["inputs"][0]["write"] == "set");
  CHECK(trace["nodes"][0]["inputs"][1]["write"] == "add");
  CHECK(trace["leaves"][0]["grad"]["mean"] == 4);

  const auto graph = hewn({"trace", "--expr=y = 2 * w", "w=3", "--dot"});
  CHECK(graph.exit_code == 0);
  CHECK(contains(graph.out, "digraph trace {"));
  CHECK(contains(graph.out, "\"leaf w\" -> \"node 0\";"));
  CHECK(contains(graph.out, "[style=dashed, label=\"2\"]"));
}

TEST_CASE("trace: a result of several elements, and values that are not kept", "[trace]") {
  const auto r = hewn({"trace", "--expr=softmax(z)", "z=[1 2 3]"});
  CHECK(r.exit_code == 0);
  CHECK(contains(r.err, "the result has 3 elements; the gradients are those of their sum"));
  const auto none = hewn({"trace", "--expr=softmax(z)", "z=[1 2 3]", "--values=2", "--json"});
  REQUIRE(none.exit_code == 0);
  const json trace = json::parse(none.out);
  CHECK_FALSE(trace.contains("loss"));
  CHECK_FALSE(trace["nodes"][0]["value"].contains("data"));
  CHECK(trace["nodes"][0]["value"]["histogram"].size() == 24);
}

TEST_CASE("trace: the help names every function", "[trace]") {
  const std::string help = hewn({"trace", "--help"}).out,
                    message = hewn({"trace", "--expr=none(w)", "w=1"}).err;
  std::istringstream calls(message.substr(message.find("there are ")));
  int functions = 0;
  for (std::string word; calls >> word;) {
    const size_t end = word.find('(');
    if (end == word.npos || word.starts_with("none")) continue;
    INFO(word);
    CHECK(contains(help, word.substr(0, end)));
    ++functions;
  }
  CHECK(functions >= 16);
}

TEST_CASE("trace: mistakes are explained", "[trace]") {
  CHECK_FAILS(hewn({"trace"}), 2, "no run was given; use `hewn trace RUN`");
  CHECK_FAILS(hewn({"trace", "w=0.5"}), 2, "'w=0.5' is no run; if it is a value for a formula, add --expr");
  CHECK_FAILS(hewn({"trace", "--expr=w * q", "w=1"}), 2, "'q' has no value; known are w");
  CHECK_FAILS(hewn({"trace", "--expr=w * q", "w=1"}), 2, "\n  w * q\n      ^");
  CHECK_FAILS(hewn({"trace", "--expr=w", "w=1"}), 2, "is w itself; give a formula that computes something");
  CHECK_FAILS(hewn({"trace", "--expr=1 + 2"}), 2, "depends on no value that was given");
  CHECK_FAILS(hewn({"trace", "--expr=w", "w"}), 2, "'w' is neither an option nor a value");
  CHECK_FAILS(hewn({"trace", "--expr=w", "=1"}), 2, "is neither an option nor a value");
  CHECK_FAILS(hewn({"trace", "--expr=w", "w=1", "w=2"}), 2, "'w' is given twice");
  CHECK_FAILS(hewn({"trace", "--expr=w", "w=one"}), 2, "expected a number");
  CHECK_FAILS(hewn({"trace", "--expr=log(w)", "w=-1"}), 2, "not a finite number");
  CHECK_FAILS(hewn({"trace", "--expr=exp(w)", "w=1", "--json", "--dot"}), 2, "json and dot");
  CHECK_FAILS(hewn({"trace", "--expr=\xff\xfe", "w=1"}), 2, "expected a number, a name");
}

}  // namespace hewn::test
