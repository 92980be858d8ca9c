// Formulas have the values and gradients of mathematics, and mistakes in them are shown where they are.

#include "train/inspect/expression/expression.h"

#include <cmath>
#include <limits>

#include "core/gradcheck.h"
#include "core/tape.h"
#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/errors.h"

namespace hewn {
namespace {

Tensor value_of(const std::string& formula, FormulaValues names = {}) {
  return evaluate_expression(formula, names);
}

/// The message of a formula that fails.
std::string mistake(const std::string& formula, FormulaValues names = {}) {
  try {
    (void)value_of(formula, std::move(names));
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::usage);
    return error.what();
  }
  FAIL("no error: " << formula);
  return "";
}

}  // namespace

TEST_CASE("expression: operators bind as in mathematics") {
  const std::pair<const char*, double> cases[] = {
      {"1 + 2 * 3", 7},         {"(1 + 2) * 3", 9},   {"8 - 3 - 2", 3},        {"8 / 4 / 2", 1},
      {"2 ^ 3 ^ 2", 512},       {"-2 ^ 2", -4},       {"2 ^ -1", 0.5},         {"4 ^ 0.5", 2},
      {"2 * -3", -6},           {"--3", 3},           {"1e-3 * 1000", 1},      {".5 + 1.", 1.5},
      {"x = 2; x * x", 4},      {"x = 2; y = x;", 2}, {"sum([1 2; 3 4])", 10}, {"sum([1, -2])", -1},
      {"sum([1 2; 3 4]')", 10}, {"mean([2 4])", 3},   {"max([2 7 4])", 7},     {"sigmoid(0)", 0.5},
      {"2 ^ (1 + 2)", 8},       {"exp(log(5))", 5},   {"sqrt(9)", 3},          {"relu(-1)", 0},
      {"1\t+\n2", 3},           {"a_1 = 2; a_1", 2},  {"_ = 4; _ ^ .5", 2},    {"matmul([1 2], [3 4])", 11},
  };
  for (const auto& [formula, expected] : cases) {
    INFO(formula);
    CHECK(value_of(formula).item() == Approx(expected).epsilon(1e-14));
  }
  CHECK(value_of("[1 2; 3 4] @ [1; 10]").doubles() == std::vector<double>{21, 43});
  CHECK(value_of("[1 2; 3 4]' @ [1; 10]").doubles() == std::vector<double>{31, 42});
  CHECK(value_of("[1 2] @ [1 0; 2 1]").doubles() == std::vector<double>{5, 2});
  CHECK(value_of("[1 2; 3 4] @ [1 1]").doubles() == std::vector<double>{3, 7});
  CHECK(value_of("[1 2] @ [3 4]").item() == 11);
  CHECK(value_of("[1 2] * 3 + [0 1]").doubles() == std::vector<double>{3, 7});
  CHECK(parse_value(" [1 -2; 3e1 4] ", "w").shape() == Shape{2, 2});
  CHECK(parse_value("-0.5", "w").item() == -0.5);
  CHECK(value_of("1.5 ^ 20").item() == Approx(std::pow(1.5, 20)).epsilon(1e-12));
}

TEST_CASE("expression: every function has the gradient of its differences") {
  const std::pair<const char*, std::vector<const char*>> cases[] = {
      {"y = tanh(w*x + b)", {"0.5", "2", "-1"}},
      {"w ^ 5 + x ^ -2 + b ^ 1.5", {"0.5", "2", "1.5"}},
      {"w ^ x * b", {"0.5", "2", "1.5"}},
      {"sum(w ^ [2; 3] + x ^ b) + sum(w ^ 7)", {"[-2 0 1.5]", "[1 2 3]", "[0.5; -2]"}},
      {"sum(w ^ (1 + 1) + x ^ 0 + w ^ 1) * b ^ -3", {"[-3 0]", "[0 -1]", "-2"}},
      {"sum(w @ x) / sum(b')", {"[1 2; 3 4]", "[0.5 -1; 2 1]", "[1 2; 3 5]"}},
      {"sum(layernorm(w, x, b) ^ 2)", {"[1 2 4; 3 -1 2]", "[0.5 -1 2]", "[1 2 3]"}},
      {"sum(layernorm(w) * x * b)", {"[1 2 4; 3 -1 2]", "[0.5 -1 2]", "[1 2 3]"}},
      {"sum(attention(w, x, b) * w)", {"[1 2; 3 4]", "[0.5 -1; 2 1]", "[1 2; 3 5]"}},
      {"sum(softmax(w) * x) + mean(gelu(b)) + max(silu(x))", {"[1 2; 3 4]", "[0.5 -1; 2 1]", "[1 2; 3 5]"}},
      {"sum(exp(w) / sqrt(x)) - log(b) * sigmoid(b) + relu(b)", {"[1 2]", "[3 4]", "2"}},
  };
  for (const auto& one : cases) {
    const char* const formula = one.first;
    INFO(formula);
    std::vector<Tensor> inputs;
    for (const char* value : one.second) inputs.push_back(parse_value(value, "a value"));
    const GradcheckResult result = gradcheck(
        [&](const std::vector<Tensor>& in) {
          return value_of(formula, {{"w", in[0]}, {"x", in[1]}, {"b", in[2]}});
        },
        inputs);
    CHECK(result.below(1e-7));
  }
}

TEST_CASE("expression: powers of zero and of negative numbers") {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  const struct {
    const char* formula;
    double x, k, value, by_x, by_k;
  } cases[] = {
      {"x ^ 2", -3, 0, 9, -6, 0},        {"x ^ 7", -2, 0, -128, 448, 0},
      {"x ^ 20", -1, 0, 1, -20, 0},      {"x ^ 0 + x", 0, 0, 1, 1, 0},
      {"x ^ 1", 0, 0, 0, 1, 0},          {"x ^ (1 + 1)", -3, 0, 9, -6, 0},
      {"x ^ -1", -2, 0, -0.5, -0.25, 0}, {"x ^ k", 0, 2, 0, 0, 0},
      {"x ^ k", -2, 2, 4, -4, none},     {"x ^ k", 0, 0, 1, 0, none},
      {"x ^ k", 0, 1, 0, 1, 0},          {"x ^ 0.5", 0, 0, 0, none, 0},
      {"x ^ k", -2, 0, 1, 0, none},      {"k ^ x", 0, 2, 1, std::log(2), 0},
      {"x ^ 3 ^ k", -1, 0, -1, 1, none},
  };
  for (const auto& one : cases) {
    INFO(one.formula << " at " << one.x << ", " << one.k);
    FormulaValues values{{"x", Tensor::from(cpu(), std::vector<double>{one.x}, Shape{})},
                         {"k", Tensor::from(cpu(), std::vector<double>{one.k}, Shape{})}};
    for (auto& [name, value] : values) require_grad(value, name);
    Tape tape;
    const Tensor y = evaluate_expression(one.formula, values);
    CHECK(y.item() == one.value);
    tape.backward(y);
    for (const auto& [name, expected] : {std::pair("x", one.by_x), std::pair("k", one.by_k)}) {
      const Tensor grad = grad_of(values.at(name));
      INFO(name);
      if (std::isnan(expected))
        CHECK(!std::isfinite(grad.item()));
      else
        CHECK(std::abs((grad.defined() ? grad.item() : 0) - expected) <= 1e-15 * std::abs(expected));
    }
  }
}

TEST_CASE("expression: mistakes are shown where they are") {
  const FormulaValues names{{"w", parse_value("-1", "w")}, {"m", parse_value("[1 2; 3 4]", "m")}};
  const auto shows = [&](const std::string& formula, const std::string& what, size_t at) {
    INFO(formula);
    const std::string message = mistake(formula, names);
    INFO(message);
    CHECK(message.find(what) != std::string::npos);
    CHECK(message.find("\n  " + formula + "\n  " + std::string(at, ' ') + "^") != std::string::npos);
  };
  shows("w * q", "'q' has no value; known are m, w", 4);
  shows("w * (2 + 3", "expected ')'\n", 10);
  shows("exp(2 w)", "expected ')' or an operator; a product is written with *", 6);
  shows("exp(2 3)", "expected ')' or an operator; a product is written with *", 6);
  shows("exp(2(3))", "expected ')' or an operator; a product is written with *", 5);
  shows("exp()", "'exp' is called as exp(x)", 0);
  shows("2 + {", "expected a number, a name or '('", 4);
  shows("w +", "instead of the end", 3);
  shows("w ? 2", "expected an operator", 2);
  shows("sinh(w)", "there is no function 'sinh'; there are exp(x)", 0);
  shows("2 * softmax + 1", "call it as softmax(x)", 4);
  shows("layernorm(m, w)", "is called as layernorm(x), layernorm(x, weight, bias)", 0);
  shows("1 + log(w)", "not a finite number", 4);
  shows("2 / (w + 1)", "not a finite number", 2);
  shows("m @ [1 2 3; 4 5 6; 7 8 9]", "matmul", 2);
  shows("m + [1 2 3]", "", 2);
  shows("attention(w, w, w)", "must be a matrix", 0);
  shows("w = 3", "already has a value", 0);
  shows("exp = 3", "is a function; choose another name", 0);
  shows("[1 2; 3]", "this row has 1 numbers; those before it have 2", 7);
  shows("[1 2", "this bracket is not closed", 0);
  shows("[]", "cannot be empty", 1);
  shows("1e999", "expected a number", 0);
  shows("", "instead of the end", 0);
  CHECK(mistake(std::string(1000, '(')).find("nested more than") != std::string::npos);
  CHECK(mistake(std::string(1000, '-') + "1").find("nested more than") != std::string::npos);
  CHECK(mistake(std::string(100000, '1') + "q").size() < 1000);
  CHECK(mistake("q").find("'q' has no value; give it one, as in w=0.5\n") != std::string::npos);
  for (const char* value : {"inf", "nan", "--1", "1e999", "[1 inf]"}) {
    INFO(value);
    CHECK(test::fails(ErrorCode::usage, {"expected a number", "reading the value of w"},
                      [&] { parse_value(value, "w"); }));
  }
  CHECK_THROWS_AS(parse_value("1 2", "w"), Error);
  CHECK_THROWS_AS(parse_value("x", "w"), Error);
  CHECK_THROWS_AS(parse_value("", "w"), Error);
}

}  // namespace hewn
