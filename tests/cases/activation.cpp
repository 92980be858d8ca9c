#include "kernels/activation/op.h"

#include "core/gradcheck.h"
#include "kernels/devices.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/fixture.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

using Op = Tensor (*)(const Tensor&);

struct Named {
  const char* name;
  Op op;
};
const Named smooth[] = {{"silu", silu}, {"gelu_tanh", gelu_tanh}, {"gelu_erf", gelu_erf}};

/// y and dx of an op.
std::pair<Tensor, Tensor> forward_backward(Op op, Tensor x, const Tensor& dy) {
  x = x.detached();
  require_grad(x);
  Tape tape;
  const Tensor y = op(x);
  tape.backward(y, dy);
  return {y, grad_of(x)};
}

}  // namespace

TEST_CASE("activation: gradients") {
  test::Random random("activation");
  const Tensor x = Tensor::from(cpu(), random.normals<double>(35, 2), {5, 7});
  for (const auto& [name, op] : smooth) {
    const auto result = gradcheck([&, f = op](const std::vector<Tensor>& in) { return f(in[0]); }, {x});
    INFO(name << ": " << result.worst);
    CHECK(result.below(1e-8));
  }
  std::vector<double> away_from_zero = random.normals<double>(20);
  for (double& v : away_from_zero) v += v > 0 ? 0.1 : -0.1;
  const Tensor z = Tensor::from(cpu(), away_from_zero, {20});
  CHECK(gradcheck([](const std::vector<Tensor>& in) { return relu(in[0]); }, {z}).below(1e-8));
}

TEST_CASE("activation: fused equals composed, values and gradients") {
  test::Random random("activation composed");
  const Tensor x = Tensor::from(cpu(), random.normals<double>(300, 3), {300});
  const Tensor dy = Tensor::from(cpu(), random.normals<double>(300), {300});
  const std::pair<Op, Op> pairs[] = {{silu, silu_composed}, {gelu_tanh, gelu_tanh_composed}};
  for (const auto& [fused, composed] : pairs) {
    const auto [y, dx] = forward_backward(fused, x, dy);
    const auto [y2, dx2] = forward_backward(composed, x, dy);
    CHECK(test::close_by_norm(y.doubles(), y2.doubles(), 1e-14));
    CHECK(test::close_by_norm(dx.doubles(), dx2.doubles(), 1e-14));
  }
}

TEST_CASE("activation: fixtures") {
  for (const auto& [name, op] : smooth) {
    const auto fixture = test::op_fixture(name);
    if (!fixture) return;
    for (const auto& c : fixture->cases)
      for (const DType t : {DType::f32, DType::f64}) {
        INFO(name << " " << c.name << " " << name_of(t));
        const auto& [tensors, cases] = *fixture;
        const auto [y, dx] = forward_backward(op, tensors.tensor(cpu(), c.name + ".x", t),
                                              tensors.tensor(cpu(), c.name + ".grad_out", t));
        const double tolerance = t == DType::f32 ? 1e-5 : 1e-6;
        CHECK(test::close_by_norm(y.doubles(), tensors.values(c.name + ".out"), tolerance));
        CHECK(test::close_by_norm(dx.doubles(), tensors.values(c.name + ".grad_x"), tolerance));
      }
    // One element far in the tail: its digits count, not its size.
    const auto [y, dx] = forward_backward(op, fixture->tensors.tensor(cpu(), "c0.x", DType::f32),
                                          fixture->tensors.tensor(cpu(), "c0.grad_out", DType::f32));
    CHECK(test::close_rel(y.doubles(), fixture->tensors.values("c0.out"), 1e-5));
    CHECK(test::close_rel(dx.doubles(), fixture->tensors.values("c0.grad_x"), 1e-5));
  }
}

TEST_CASE("activation: digits far in the tails, no overflow beyond them") {
  const Tensor x = Tensor::from(cpu(), std::vector<float>{-9.5f, -7, -5, 5, 3e30f, -3e30f}, {6});
  const Tensor ones = Tensor::from(cpu(), std::vector<float>(6, 1), {6});
  for (const auto& [name, op] : smooth) {
    INFO(name);
    const auto [y, dx] = forward_backward(op, x, ones);
    const Tensor wide = Tensor::from(cpu(), x.doubles(), {6});
    const auto [y2, dx2] = forward_backward(op, wide, Tensor::from(cpu(), ones.doubles(), {6}));
    // tanh-GELU multiplies the rounding of its exponent by that exponent, some 75.
    CHECK(test::close_rel(y.narrowed(0, 0, 4).doubles(), y2.narrowed(0, 0, 4).doubles(), 3e-5));
    CHECK(test::close_rel(dx.narrowed(0, 0, 4).doubles(), dx2.narrowed(0, 0, 4).doubles(), 3e-5));
    CHECK(test::close_abs(y.narrowed(0, 4, 2).doubles(), std::vector<double>{static_cast<double>(3e30f), 0},
                          0));
    CHECK(test::close_abs(dx.narrowed(0, 4, 2).doubles(), std::vector<double>{1, 0}, 1e-30));
  }
}

TEST_CASE("activation: views and integers are refused") {
  const Tensor x = Tensor::zeros(cpu(), DType::f32, {2, 3});
  CHECK_THROWS_WITH(relu(x.transposed(0, 1)), Catch::Contains("contiguous()"));
  CHECK_THROWS_WITH(silu(Tensor::zeros(cpu(), DType::i64, {2})), Catch::Contains("i64"));
}

}  // namespace hewn
