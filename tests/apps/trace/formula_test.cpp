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
  const std::string help = hewn({"trace", "--help=all"}).out,
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
  CHECK_FAILS(hewn({"trace", "w=0.5"}), 2,
              "'w=0.5' is not a run; if it is a value for a formula, add --expr");
  CHECK_FAILS(hewn({"trace", "y = w*x", "w=1", "x=2"}), 2, "if it is the formula, put --expr= before it");
  CHECK_FAILS(hewn({"trace", "--expr=w * q", "w=1"}), 2, "'q' has no value; known are w");
  CHECK_FAILS(hewn({"trace", "--expr=w * q", "w=1"}), 2, "\n  w * q\n      ^");
  CHECK_FAILS(hewn({"trace", "--expr=w", "w=1"}), 2, "is w itself; give a formula that computes something");
  CHECK_FAILS(hewn({"trace", "--expr=1 + 2"}), 2, "depends on none of the given values");
  CHECK_FAILS(hewn({"trace", "--expr=w", "w"}), 2, "'w' is neither an option nor a value");
  CHECK_FAILS(hewn({"trace", "--expr=w", "=1"}), 2, "is neither an option nor a value");
  CHECK_FAILS(hewn({"trace", "--expr=w", "w=1", "w=2"}), 2, "'w' is given twice");
  CHECK_FAILS(hewn({"trace", "--expr=w", "w=one"}), 2, "expected a number");
  CHECK_FAILS(hewn({"trace", "--expr=w", "w=0,5"}), 2, "decimals have a point: 0.5");
  CHECK_FAILS(hewn({"trace", "--expr=log(w)", "w=-1"}), 2, "not a finite number");
  CHECK_FAILS(hewn({"trace", "--expr=exp(w)", "w=1", "--json", "--dot"}), 2, "json and dot");
  CHECK_FAILS(hewn({"trace", "--expr=\xff\xfe", "w=1"}), 2, "expected a number, a name");
}

TEST_CASE("trace: one value of a formula, in numbers", "[trace]") {
  const auto value = [](const std::string& formula, const std::string& node) {
    const auto r =
        hewn({"trace", "--expr=" + formula, "x=[1 2]", "W=[1 -1; 0.5 2]", "--node=" + node, "--json"});
    INFO(r.err);
    REQUIRE(r.exit_code == 0);
    return json::parse(r.out);
  };
  const json product = value("y = W @ W; sum(y)", "y[1,0]");
  CHECK(product["value"] == 1.5);
  CHECK(product["grad"] == 1);
  CHECK(product["sum"]["terms"] ==
        json::parse(R"([{"name": "a[1,0] b[0,0]", "factors": [0.5, 1], "value": 0.5},
                                                   {"name": "a[1,1] b[1,0]", "factors": [2, 0.5], "value": 1}])"));
  CHECK(value("y = x - W; sum(y)", "y[1,0]")["sum"]["terms"][1] ==
        json::parse(R"({"name": "-b[1,0]", "factors": [], "value": -0.5})"));
  CHECK(value("y = x * W; sum(y)", "y[0,1]")["sum"]["terms"][0]["factors"] == json({2, -1}));
  CHECK(value("y = x / W; sum(y)", "y[1,1]")["operands"][1] == json({{"name", "b[1,1]"}, {"value", 2}}));
  CHECK(value("y = tanh(x); sum(y)", "y[1]")["operands"] == json::parse(R"([{"name": "x[1]", "value": 2}])"));
  CHECK(value("sum(W)", "sum")["sum"]["total"] == 2.5);
  const json mean = value("mean(W)", "#0[]");
  CHECK(mean["operands"][0] == json({{"name", "n"}, {"value", 4}}));
  CHECK(mean["value"] == 0.625);
  const json softmax = value("y = softmax(W); sum(y)", "y[1,0]");
  CHECK(softmax["sum"]["terms"].size() == 2);
  CHECK(softmax["operands"][1] == json({{"name", "max x"}, {"value", 2}}));
  CHECK_FALSE(value("max(W)", "max").contains("sum"));

  const auto many = hewn({"trace", "--expr=y = sum(x)", "x=[1 2 3 4 5 6 7 8 9 10 11 12 13]", "--node=y"});
  CHECK(contains(many.out, "5 more"));
  for (const char* part : {"x[0]", "x[2]", "x[8]", "x[12]", "91"}) CHECK(contains(many.out, part));
  CHECK_FALSE(contains(many.out, "x[3]"));

  CHECK_FAILS(hewn({"trace", "--expr=a = w*w; a + w*w", "w=1", "--node=mul"}), 2,
              "'mul' names 2 nodes, #0, #1");
  CHECK_FAILS(hewn({"trace", "--expr=y = w*w", "w=1", "--node=y", "--dot"}), 2, "node and dot");
  CHECK_FAILS(hewn({"trace", "--expr=y = w*w", "w=1", "--node=z"}), 2, "there is no node 'z'");
  CHECK_FAILS(hewn({"trace", "--expr=y = w*w", "w=1", "--node=y[0]"}), 2,
              "whose shape is []; leave out the index");
}

TEST_CASE("trace: a gradient that does not exist is none", "[trace]") {
  const auto both = hewn({"trace", "--expr=x^k", "x=-2", "k=2"});
  CHECK(both.exit_code == 0);
  CHECK(contains(both.out, "x  = -2  gradient -4\n"));
  CHECK(contains(both.out, "k  = 2   gradient none\n"));
  CHECK(contains(both.err,
                 "note: #0 pow has no finite derivative by k here; da = b a^(b-1) dy, db = y ln a dy\n"));

  const std::vector<std::string> root{"trace", "--expr=y = x*x; sqrt(y)", "x=[0 4]"};
  const auto with = [&](const std::string& option) {
    std::vector<std::string> words = root;
    words.push_back(option);
    const auto r = hewn(words);
    CHECK(r.exit_code == 0);
    CHECK(contains(r.err, "note: #1 sqrt has no finite derivative by #0 y here; dx = dy / (2 y)\n"));
    CHECK_FALSE(contains(r.out, "nan"));
    CHECK_FALSE(contains(r.out, "inf"));
    return r.out;
  };
  CHECK(contains(with("--step"), "gradient of x  added; now [none 1]"));
  CHECK(contains(with("--dot"), "gradient [none 0.125]"));
  CHECK(contains(with("--values=1"), "none in 1"));
  CHECK(contains(with("--node=y[0]"), "gradient  none"));
  const json some = json::parse(with("--json"));
  CHECK(some["kinks"] == json::parse(R"([{"node": 1, "by": "#0 y"}])"));
  CHECK(some["leaves"][0]["grad"]["not_finite"] == 1);
  const auto alone = [](const char* option) {
    return json::parse(hewn({"trace", "--expr=y = sqrt(x); y*y", "x=0", "--json", option}).out);
  };
  CHECK(alone("--values=9")["leaves"][0]["grad"].is_null());
  CHECK(alone("--node=y")["grad"] == 0);

  const auto overflow = hewn({"trace", "--expr=1/x", "x=1e-200"});
  CHECK(contains(overflow.out, "gradient none"));
  CHECK(contains(overflow.err, "note: #0 div has no finite derivative by x here"));
}

TEST_CASE("trace: the backward pass of a formula, step by step", "[trace]") {
  const std::vector<std::string> call{"trace", "--expr=b = a + a; c = b * b", "a=1", "--step"};
  const auto all = hewn(call);
  CHECK(all.exit_code == 0);
  CHECK(all.out ==
        "#1 c  mul  y = a b\n  da = b dy, db = a dy\n  dy                1\n  gradient of #0 b  set\n"
        "  gradient of #0 b  added; now 4\n\n"
        "#0 b  add  y = a + b\n  da = dy, db = dy (summed over broadcast dimensions)\n"
        "  dy             4\n  gradient of a  set\n  gradient of a  added; now 8\n\n"
        "the gradients of the leaves\n  a  8\n");
  CHECK_FAILS(hewn({"trace", "--expr=w*w", "w=1", "--step", "--json"}), 2,
              "json and step are different output formats");

  std::vector<std::string> words = call;
  words.insert(words.begin(), hewn_program().string());
  const ProcessOptions on_terminal{.env = {{"TERM", "xterm"}}, .terminal = true};
  Process whole(words, on_terminal);
  REQUIRE(whole.wait_for("1 of 3; Enter: next, q: end"));
  whole.forget();
  whole.type("\r");
  REQUIRE(whole.wait_for("2 of 3; Enter: next, q: end"));
  whole.type("\r");
  REQUIRE(whole.wait_for("the gradients of the leaves"));
  CHECK(whole.finish().exit_code == 0);
  Process ended(words, on_terminal);
  REQUIRE(ended.wait_for("1 of 3"));
  ended.type("q\r");
  const ProcessResult r = ended.finish();
  CHECK(r.exit_code == 0);
  CHECK_FALSE(contains(r.out, "the gradients of the leaves"));
}

}  // namespace hewn::test
