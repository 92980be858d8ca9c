// The numbers that an element was made of, with operands that are broadcast.

#include "train/inspect/trace/origin.h"

#include <cmath>

#include "kernels/copy/op.h"
#include "kernels/devices/devices.h"
#include "kernels/elementwise/op.h"
#include "kernels/embedding/op.h"
#include "kernels/linear/op.h"
#include "kernels/matmul/op.h"
#include "kernels/norm/op.h"
#include "kernels/reduce/op.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"

namespace hewn {
namespace {

using test::near;

Tensor leaf(const char* name, const std::vector<double>& values, const Shape& shape) {
  Tensor t = Tensor::from(cpu(), values, shape);
  require_grad(t, name);
  return t;
}

/// What `f` records.
template <class Function>
Trace tape_of(const Function& f) {
  TraceRecorder recorder(100);
  recorder.keep_tensors();
  Tape tape;
  tape.observe(&recorder);
  const Tensor y = f();
  return recorder.take();
}

/// The origin of an element of what `f` records as its only node.
template <class Function>
ElementOrigin origin_in(const Function& f, const std::vector<int64_t>& index) {
  const Trace trace = tape_of(f);
  REQUIRE(trace.nodes.size() == 1);
  return origin_of(trace.nodes[0], index);
}

std::vector<std::string> terms_in(const ElementOrigin& origin) {
  std::vector<std::string> names;
  if (origin.sum)
    for (const SumTerm& term : origin.sum->terms) names.push_back(term.name);
  return names;
}

}  // namespace

TEST_CASE("origin: a sum with an operand that is broadcast", "[trace]") {
  const Tensor a = leaf("a", {1, 2, 3, 4, 5, 6}, {2, 3}), b = leaf("b", {10, 20, 30}, {1, 3});
  const ElementOrigin origin = origin_in([&] { return add(a, b); }, {1, 2});
  CHECK(origin.value == 36);
  CHECK_FALSE(origin.grad);
  REQUIRE(origin.sum);
  REQUIRE(origin.sum->terms.size() == 2);
  CHECK(origin.sum->terms[0].name == "a[1,2]");
  CHECK(origin.sum->terms[0].value == 6);
  CHECK(origin.sum->terms[1].name == "b[0,2]");
  CHECK(origin.sum->terms[1].value == 30);
  CHECK(origin.sum->total == 36);
  const ElementOrigin difference = origin_in([&] { return sub(a, b); }, {1, 2});
  CHECK(difference.sum->terms[1].name == "-b[0,2]");
  CHECK(difference.sum->total == -24);
}

TEST_CASE("origin: a product of matrices of which one is broadcast", "[trace]") {
  const Tensor a = leaf("a", {1, 2, 3, 4}, {1, 2, 2}), b = leaf("b", {5, 6, 7, 8, 9, 10, 11, 12}, {2, 2, 2});
  const ElementOrigin origin = origin_in([&] { return matmul(a, b); }, {1, 1, 0});
  CHECK(origin.value == 3 * 9 + 4 * 11);
  REQUIRE(origin.sum);
  REQUIRE(origin.sum->terms.size() == 2);
  CHECK(origin.sum->terms[0].name == "a[0,1,0] b[1,0,0]");
  CHECK(origin.sum->terms[0].factors == std::vector<double>{3, 9});
  CHECK(origin.sum->terms[1].name == "a[0,1,1] b[1,1,0]");
  CHECK(origin.sum->total == 71);
}

TEST_CASE("origin: an element normalised by the root of its row's mean square", "[trace]") {
  const Tensor x = leaf("x", {1, 2, 3, 1, 5, 7}, {2, 3}), weight = leaf("weight", {0.5, 2, 4}, {3});
  const ElementOrigin origin = origin_in([&] { return rmsnorm(x, weight, 1e-12); }, {1, 2});
  REQUIRE(origin.operands.size() == 3);
  CHECK(origin.operands[0].name == "x[1,2]");
  CHECK(origin.operands[0].value == 7);
  CHECK(origin.operands[1].name == "1 / sqrt(mean(x^2) + eps)");
  CHECK(near(origin.operands[1].value, 0.2));  // the mean of 1, 25 and 49 is 25
  CHECK(origin.operands[2].name == "n");
  CHECK(near(origin.operands[2].value, 1.4));
  REQUIRE(origin.sum);
  REQUIRE(origin.sum->terms.size() == 1);
  CHECK(origin.sum->terms[0].name == "n weight[2]");
  CHECK(near(origin.sum->total, 5.6));
  CHECK(near(origin.value, 5.6));
}

TEST_CASE("origin: an element normalised by its row's mean and variance, with a bias", "[trace]") {
  const Tensor x = leaf("x", {1, 1, 4, 2}, {2, 2}), weight = leaf("weight", {3, 5}, {2}),
               bias = leaf("bias", {10, 20}, {2});
  const ElementOrigin origin = origin_in([&] { return layernorm(x, weight, bias, 1e-12); }, {1, 1});
  CHECK(terms_in(origin) == std::vector<std::string>{"n weight[1]", "bias[1]"});
  CHECK(near(origin.sum->terms[0].value, -5));  // 2 is one deviation below the mean of 4 and 2
  CHECK(origin.sum->terms[1].value == 20);
  CHECK(near(origin.sum->total, 15));
  CHECK(near(origin.value, 15));
}

TEST_CASE("origin: sums and means over all elements, but not over one dimension", "[trace]") {
  const Tensor x = leaf("x", {1, 2, 3, 6}, {2, 2});
  const ElementOrigin whole = origin_in([&] { return mean(x); }, {});
  CHECK(whole.value == 3);
  CHECK(terms_in(whole) == std::vector<std::string>{"x[0,0]", "x[0,1]", "x[1,0]", "x[1,1]"});
  CHECK(whole.sum->of == "sum_i x_i");
  CHECK(whole.sum->total == 12);
  REQUIRE(whole.operands.size() == 1);
  CHECK(whole.operands[0].name == "n");
  CHECK(whole.operands[0].value == 4);
  for (const bool divided : {false, true}) {
    const ElementOrigin row = origin_in([&] { return divided ? mean(x, 1) : sum(x, 1); }, {1});
    CHECK(row.value == (divided ? 4.5 : 9));
    CHECK_FALSE(row.sum);
    CHECK(row.operands.empty());
  }
}

TEST_CASE("origin: of a long sum, the first and the largest terms, of equal ones those before", "[trace]") {
  std::vector<double> values(14, 1);
  values[12] = -7;
  const Tensor x = leaf("x", values, {14});
  const ElementOrigin origin = origin_in([&] { return sum(x); }, {});
  CHECK(terms_in(origin) ==
        std::vector<std::string>{"x[0]", "x[1]", "x[2]", "x[3]", "x[4]", "x[5]", "x[6]", "x[12]"});
  CHECK(origin.sum->more == 6);
  CHECK(origin.sum->rest == 6);
  CHECK(origin.sum->total == 6);
}

TEST_CASE("origin: the row of a table, with positions and without", "[trace]") {
  const Tensor table = leaf("table", {1, 2, 3, 4, 5, 6}, {3, 2}),
               ids = Tensor::from(cpu(), std::vector<int32_t>{0, 1, 2, 0}, {2, 2});
  const Trace trace = tape_of([&] { return embedding(table, ids); });
  REQUIRE(trace.nodes.size() == 1);
  CHECK(input_name(trace.nodes[0], 0) == "weight");
  CHECK(input_name(trace.nodes[0], 1) == "ids");
  const std::vector<int64_t> index{1, 0, 1};
  const ElementOrigin origin = origin_of(trace.nodes[0], index);
  CHECK(origin.value == 6);
  CHECK(terms_in(origin) == std::vector<std::string>{"weight[2,1]"});
  const Tensor positions = leaf("positions", {10, 20, 30, 40}, {2, 2});
  const Trace both = tape_of([&] { return embedding(table, positions, ids); });
  REQUIRE(both.nodes.size() == 1);
  CHECK(input_name(both.nodes[0], 1) == "position");
  CHECK(input_name(both.nodes[0], 3) == "input 3");
  const std::vector<int64_t> second{1, 1, 0};
  CHECK(origin_of(both.nodes[0], second).value == 1 + 30);
  CHECK(terms_in(origin_of(both.nodes[0], second)) ==
        std::vector<std::string>{"weight[0,0]", "position[1,0]"});
}

TEST_CASE("origin: a layer's weights are named in the order in which they are stored", "[trace]") {
  const Tensor x = leaf("x", {2, 3}, {1, 2}), bias = leaf("bias", {5, 7}, {2}),
               residual = leaf("residual", {11, 13}, {1, 2});
  // A layer may train, or not: then it keeps no x.
  for (const bool trains : {false, true}) {
    Tensor weight = Tensor::from(cpu(), std::vector<double>{1, 10, 100, 1000}, {2, 2});
    if (trains) require_grad(weight, "weight");
    const ElementOrigin in_out = origin_in([&] { return linear(x, weight, bias); }, {0, 1});
    CHECK(in_out.value == 20 + 3000 + 7);
    CHECK(terms_in(in_out) ==
          std::vector<std::string>{"bias[1]", "x[0,0] weight[0,1]", "x[0,1] weight[1,1]"});
    const LinearOptions options{.layout = Layout::out_in, .residual = residual};
    const ElementOrigin out_in = origin_in([&] { return linear(x, weight, {}, options); }, {0, 1});
    CHECK(out_in.value == 200 + 3000 + 13);
    CHECK(terms_in(out_in) ==
          std::vector<std::string>{"residual[0,1]", "x[0,0] weight[1,0]", "x[0,1] weight[1,1]"});
    CHECK(out_in.sum->total == out_in.value);
  }
}

TEST_CASE("origin: NaN in a layer is no sum that could be looked up in one layout or the other", "[trace]") {
  const Tensor x = leaf("x", {2, std::nan("")}, {1, 2}),
               weight = Tensor::from(cpu(), std::vector<double>{1, 10, 100, 1000}, {2, 2});
  const ElementOrigin origin = origin_in([&] { return linear(x, weight, {}); }, {0, 1});
  CHECK(std::isnan(origin.value));
  CHECK_FALSE(origin.sum);
}

TEST_CASE("origin: a layer whose input or change is not kept is no sum", "[trace]") {
  const Tensor x = leaf("x", {2, 3}, {1, 2}), a = leaf("A", {1, 0}, {1, 2}), b = leaf("B", {1, 1}, {1, 2}),
               weight = Tensor::from(cpu(), std::vector<double>{1, 10, 100, 1000}, {2, 2});
  const Trace behind = tape_of([&] {  // the input is z, and f(z) would be kept for the weight's gradient
    return linear(linear_activated(x, weight, {}, Activation::relu), weight, {});
  });
  REQUIRE(behind.nodes.size() == 2);
  const std::vector<int64_t> index{0, 1};
  CHECK(origin_of(behind.nodes[1], index).value == 302 * 10 + 3020 * 1000);
  CHECK_FALSE(origin_of(behind.nodes[1], index).sum);
  const LinearOptions changed{.low_rank = {.a = a, .b = b}};
  const ElementOrigin low_rank = origin_in([&] { return linear(x, weight, {}, changed); }, index);
  CHECK(low_rank.value == 20 + 3000 + 2);
  CHECK_FALSE(low_rank.sum);
}

TEST_CASE("origin: a single number has no index, and an unknown operation no names", "[trace]") {
  const Tensor x = leaf("x", {3}, {});
  const ElementOrigin origin = origin_in([&] { return scale(x, 2); }, {});
  REQUIRE(origin.operands.size() == 1);
  CHECK(origin.operands[0].name == "x");
  CHECK(origin.operands[0].value == 3);
  const Tensor y = leaf("y", {1, 2, 3}, {3});
  const Trace trace = tape_of([&] { return slice(y, 0, 1, 2); });
  REQUIRE(trace.nodes.size() == 1);
  CHECK(input_name(trace.nodes[0], 0) == "input 0");
  const std::vector<int64_t> index{1};
  CHECK(origin_of(trace.nodes[0], index).value == 3);
  CHECK(origin_of(trace.nodes[0], index).operands.empty());
}

}  // namespace hewn
