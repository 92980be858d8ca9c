#include "kernels/reduce/op.h"

#include "core/gradcheck.h"
#include "kernels/devices/devices.h"
#include "kernels/elementwise/op.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/random.h"

namespace hewn {

TEST_CASE("reduce: gradients") {
  test::Random random("reduce");
  std::vector<double> values(24);  // far enough apart that no maximum changes in a finite difference
  for (size_t i = 0; i < values.size(); ++i) values[i] = 0.3 * static_cast<double>(i) - 3;
  for (size_t i = 0; i < values.size(); ++i)
    std::swap(values[i], values[static_cast<size_t>(random.integer(static_cast<int64_t>(i), 23))]);
  const Tensor x = Tensor::from(cpu(), values, {2, 3, 4});
  const std::pair<const char*, Tensor (*)(const Tensor&)> ops[] = {
      {"sum", [](const Tensor& t) { return sum(t); }},
      {"mean", [](const Tensor& t) { return mean(t); }},
      {"max", [](const Tensor& t) { return max(t); }},
      {"sum 0", [](const Tensor& t) { return sum(t, 0); }},
      {"sum 1", [](const Tensor& t) { return sum(t, 1); }},
      {"mean -1", [](const Tensor& t) { return mean(t, -1); }},
      {"mean 1", [](const Tensor& t) { return mean(t, 1); }},
      {"max -1", [](const Tensor& t) { return max(t, -1); }},
      {"max 1", [](const Tensor& t) { return max(t, 1); }}};
  for (const auto& [name, op] : ops) {
    // The square makes the gradient depend on the position of an element.
    const auto result =
        gradcheck([f = op](const std::vector<Tensor>& in) { return mul(f(in[0]), f(in[0])); }, {x});
    INFO(name << ": " << result.worst);
    CHECK(result.below(1e-8));
  }
}

TEST_CASE("reduce: values and shapes") {
  const Tensor x = Tensor::from(cpu(), std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  CHECK(sum(x).item() == 21);
  CHECK(sum(x).rank() == 0);
  CHECK(mean(x).item() == 3.5);
  CHECK(sum(x, 0).doubles() == std::vector<double>{5, 7, 9});
  CHECK(mean(x, 1).doubles() == std::vector<double>{2, 5});
  CHECK(max(x, -1).doubles() == std::vector<double>{3, 6});
  CHECK(max(x, 0).shape() == Shape{3});
  CHECK(sum(Tensor::zeros(cpu(), DType::f32, {0})).item() == 0);
}

TEST_CASE("reduce: a NaN anywhere makes the maximum NaN") {
  for (size_t i = 0; i < 40; ++i) {
    std::vector<float> values(40, 1.0f);
    values[i] = NAN;
    CHECK(std::isnan(max(Tensor::from(cpu(), values, {40})).item()));
    CHECK(std::isnan(max(Tensor::from(cpu(), values, {40, 1}), 0).item()));
  }
}

TEST_CASE("reduce: sum_copies undoes broadcasting, scaled, set or added") {
  test::Random random("sum_copies");
  const Tensor g = Tensor::from(cpu(), random.normals<double>(2 * 3 * 4 * 5), {2, 3, 4, 5});
  const Shape targets[] = {{3, 1, 5}, {2, 1, 4, 1}, {5}, {1, 1}, {}, {2, 1, 1, 5}, {4, 1}};
  for (const Shape& shape : targets) {
    INFO(shape);
    const std::vector<double> values = g.doubles();
    std::vector<double> expected(static_cast<size_t>(shape.numel()), 1.0);
    for (int64_t n = 0; n < g.numel(); ++n) {
      int64_t at = 0, step = 1, rest = n;
      for (int d = 1; d <= 4; ++d) {
        const int64_t i = rest % g.dim(-d);
        rest /= g.dim(-d);
        if (d > shape.rank()) continue;
        if (shape[-d] != 1) at += i * step;
        step *= shape[-d];
      }
      expected[static_cast<size_t>(at)] -= 2 * values[static_cast<size_t>(n)];
    }
    const Tensor target =
        Tensor::from(cpu(), std::vector<double>(static_cast<size_t>(shape.numel()), 1.0), shape);
    sum_copies(g, -2, target, Write::add);
    CHECK(test::close_by_norm(target.doubles(), expected, 1e-12));
  }
}

TEST_CASE("reduce: a long sum is accurate") {
  const std::vector<float> tenths(1 << 20, 0.1f);
  const double exact = static_cast<double>(0.1f) * (1 << 20);
  CHECK(test::close_rel(sum(Tensor::from(cpu(), tenths, {1 << 20})).doubles(), std::vector<double>{exact},
                        1e-6));
  CHECK(test::close_rel(sum(Tensor::from(cpu(), tenths, {1 << 18, 4}), 0).doubles(),
                        std::vector<double>(4, exact / 4), 1e-6));
}

TEST_CASE("reduce: empty tensors and views are refused") {
  CHECK_THROWS_WITH(mean(Tensor::zeros(cpu(), DType::f32, {0, 3})), Catch::Contains("[0, 3]"));
  CHECK_THROWS_WITH(max(Tensor::zeros(cpu(), DType::f32, {2, 0}), 1), Catch::Contains("max"));
  CHECK_THROWS_WITH(sum(Tensor::zeros(cpu(), DType::f32, {2, 3}).transposed(0, 1)),
                    Catch::Contains("contiguous()"));
}

}  // namespace hewn
