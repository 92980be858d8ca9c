#include "kernels/elementwise/op.h"

#include <cmath>

#include "core/gradcheck.h"
#include "kernels/devices/devices.h"
#include "tests/kernels/cases/normals.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

/// Positive and away from 0.
Tensor positives(test::Random& random, const Shape& shape) {
  std::vector<double> values = random.normals<double>(shape.numel());
  for (double& v : values) v = 0.5 + std::fabs(v);
  return Tensor::from(cpu(), values, shape);
}

}  // namespace

TEST_CASE("elementwise: gradients of one operand") {
  test::Random random("unary");
  const std::pair<const char*, Tensor (*)(const Tensor&)> ops[] = {
      {"scale", [](const Tensor& x) { return scale(x, -1.5); }},
      {"add_scalar", [](const Tensor& x) { return add_scalar(x, 2); }},
      {"neg", neg},
      {"exp", exp},
      {"log", log},
      {"sqrt", sqrt},
      {"tanh", tanh},
      {"sigmoid", sigmoid}};
  for (const auto& [name, op] : ops) {
    const Tensor x = positives(random, {3, 5});
    const auto result =
        gradcheck([f = op](const std::vector<Tensor>& in) { return f(in[0]); }, {x}, {.step = 3e-4});
    INFO(name << ": " << result.worst);
    CHECK(result.below(1e-8));
  }
}

TEST_CASE("elementwise: gradients of two operands, broadcast in every way") {
  test::Random random("binary");
  const std::pair<const char*, Tensor (*)(const Tensor&, const Tensor&)> ops[] = {
      {"add", add}, {"sub", sub}, {"mul", mul}, {"div", div}};
  const std::pair<Shape, Shape> shapes[] = {{{2, 3, 5}, {2, 3, 5}},
                                            {{2, 3, 5}, {5}},
                                            {{2, 3, 5}, {3, 1}},
                                            {{2, 1, 5}, {1, 3, 1}},
                                            {{1}, {4}},
                                            {{}, {2, 2}},
                                            {{3, 1, 2, 1}, {4, 1, 6}},
                                            {{2, 1, 3, 1, 2}, {2, 4, 3, 5, 2}},
                                            {{7}, {}},
                                            {{1, 1}, {1, 1, 1}},
                                            {{2, 3, 1, 1}, {2, 3, 4, 2}}};
  for (const auto& [name, op] : ops)
    for (const auto& [a_shape, b_shape] : shapes) {
      const Tensor a = normals(random, a_shape), b = positives(random, b_shape);
      const auto result = gradcheck([f = op](const std::vector<Tensor>& in) { return f(in[0], in[1]); },
                                    {a, b}, {.step = 3e-4});
      INFO(name << " " << a_shape << " " << b_shape << ": " << result.worst);
      CHECK(result.below(1e-8));
    }
}

TEST_CASE("elementwise: an operand used twice gets both gradients") {
  test::Random random("twice");
  const Tensor x = normals(random, {4});
  CHECK(
      gradcheck([](const std::vector<Tensor>& in) { return mul(sub(in[0], mul(in[0], in[0])), in[0]); }, {x})
          .below(1e-8));
}

TEST_CASE("elementwise: broadcasting repeats rows and columns") {
  const Tensor a = Tensor::from(cpu(), std::vector<float>{1, 2, 3}, {3, 1});
  const Tensor b = Tensor::from(cpu(), std::vector<float>{10, 20}, {2});
  CHECK(add(a, b).doubles() == std::vector<double>{11, 21, 12, 22, 13, 23});
  CHECK(sub(a, b).shape() == Shape{3, 2});
  CHECK(mul(a, Tensor::from(cpu(), std::vector<float>{2}, {})).doubles() == std::vector<double>{2, 4, 6});
  CHECK(add(Tensor::zeros(cpu(), DType::f32, {0, 2}), b).numel() == 0);
}

TEST_CASE("elementwise: wrong shapes are refused by name") {
  const Tensor a = Tensor::zeros(cpu(), DType::f32, {2, 3}), b = Tensor::zeros(cpu(), DType::f32, {2, 4});
  CHECK_THROWS_WITH(add(a, b), Catch::Contains("[2, 3]") && Catch::Contains("[2, 4]"));
  CHECK_THROWS_WITH(mul(a, Tensor::zeros(cpu(), DType::f64, {2, 3})), Catch::Contains("f64"));
  CHECK_THROWS_WITH(add(a.transposed(0, 1), a.transposed(0, 1)), Catch::Contains("contiguous()"));
  CHECK_THROWS_WITH(exp(Tensor::zeros(cpu(), DType::i32, {2})), Catch::Contains("i32"));
}

}  // namespace hewn
