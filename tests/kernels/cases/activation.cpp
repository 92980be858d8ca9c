#include "kernels/activation/op.h"

#include <cmath>
#include <functional>

#include "core/gradcheck.h"
#include "kernels/copy/op.h"
#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/fixture.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

using Op = std::function<Tensor(const Tensor&)>;

Op op_of(Activation kind) {
  return [kind](const Tensor& x) { return activation(kind, x); };
}

/// The activations with fixtures: smooth, close to x far above 0 and to 0 far below it.
constexpr Activation smooth[] = {Activation::silu, Activation::gelu_tanh, Activation::gelu_erf};

/// y and dx of an op.
std::pair<Tensor, Tensor> forward_backward(const Op& op, Tensor x, const Tensor& dy) {
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
  std::vector<double> values = random.normals<double>(35, 2);
  for (double& v : values) v += v > 0 ? 0.1 : -0.1;  // a slope may be discontinuous at 0
  const Tensor x = Tensor::from(cpu(), values, {5, 7});
  for (const ActivationRow& row : activation_table) {
    if (row.kind == Activation::none) continue;  // returns x itself, without a node
    const auto result =
        gradcheck([&](const std::vector<Tensor>& in) { return activation(row.kind, in[0]); }, {x});
    INFO(row.name << ": " << result.worst);
    CHECK(result.below(1e-8));
  }
}

TEST_CASE("activation: independently known values") {
  const auto near = [](Activation kind, double x, double y) {
    INFO(row_of(kind).name << " of " << x);
    CHECK(std::abs(activation(kind, Tensor::from(cpu(), std::vector<double>{x}, {1})).doubles()[0] - y) <=
          1e-15);
  };
  near(Activation::relu, 3, 3);
  near(Activation::relu, -2, 0);
  near(Activation::silu, 1, 0.7310585786300049);
  near(Activation::gelu_erf, 1, 0.8413447460685429);
  near(Activation::gelu_tanh, 1, 0.8411919906082768);
}

TEST_CASE("activation: none returns x itself") {
  const Tensor x = Tensor::zeros(cpu(), DType::f32, {2, 3});
  CHECK(activation(Activation::none, x).data() == x.data());
}

TEST_CASE("activation: fused equals composed, values and gradients") {
  test::Random random("activation composed");
  const Tensor x = Tensor::from(cpu(), random.normals<double>(300, 3), {300});
  const Tensor dy = Tensor::from(cpu(), random.normals<double>(300), {300});
  const std::pair<Op, Op> pairs[] = {{op_of(Activation::silu), silu_composed},
                                     {op_of(Activation::gelu_tanh), gelu_tanh_composed}};
  for (const auto& [fused, composed] : pairs) {
    const auto [y, dx] = forward_backward(fused, x, dy);
    const auto [y2, dx2] = forward_backward(composed, x, dy);
    CHECK(test::close_by_norm(y.doubles(), y2.doubles(), 1e-14));
    CHECK(test::close_by_norm(dx.doubles(), dx2.doubles(), 1e-14));
  }
}

TEST_CASE("activation: fixtures") {
  for (const Activation kind : smooth)
    for (const auto& [tensors, cases] : test::op_fixtures(row_of(kind).name)) {
      const Op op = op_of(kind);
      const auto at = [&, &from = tensors](const std::string& name, DType t) {
        return forward_backward(op, from.tensor(cpu(), name + ".x", t),
                                from.tensor(cpu(), name + ".grad_out", t));
      };
      for (const auto& c : cases)
        for (const DType t : {DType::f32, DType::f64}) {
          INFO(row_of(kind).name << " " << c.name << " " << name_of(t));
          const auto [y, dx] = at(c.name, t);
          const double tolerance = t == DType::f32 ? 1e-5 : 1e-6;
          CHECK(test::close_by_norm(y.doubles(), tensors.values(c.name + ".out"), tolerance));
          CHECK(test::close_by_norm(dx.doubles(), tensors.values(c.name + ".grad_x"), tolerance));
        }
      // A single element far in the tail: compares its digits, i.e. the relative error.
      const auto [y, dx] = at("c0", DType::f32);
      CHECK(test::close_rel(y.doubles(), tensors.values("c0.out"), 1e-5));
      CHECK(test::close_rel(dx.doubles(), tensors.values("c0.grad_x"), 1e-5));
    }
}

TEST_CASE("activation: accurate far in the tails, no overflow beyond them") {
  const Tensor x = Tensor::from(cpu(), std::vector<float>{-9.5f, -7, -5, 5, 3e30f, -3e30f}, {6});
  const Tensor ones = Tensor::from(cpu(), std::vector<float>(6, 1), {6});
  for (const Activation kind : smooth) {
    INFO(row_of(kind).name);
    const Op op = op_of(kind);
    const auto [y, dx] = forward_backward(op, x, ones);
    const Tensor wide = Tensor::from(cpu(), x.doubles(), {6});
    const auto [y2, dx2] = forward_backward(op, wide, Tensor::from(cpu(), ones.doubles(), {6}));
    // tanh-GELU multiplies the rounding error of its exponent by that exponent, about 75.
    CHECK(test::close_rel(y.sliced(0, 0, 4).doubles(), y2.sliced(0, 0, 4).doubles(), 3e-5));
    CHECK(test::close_rel(dx.sliced(0, 0, 4).doubles(), dx2.sliced(0, 0, 4).doubles(), 3e-5));
    CHECK(
        test::close_abs(y.sliced(0, 4, 2).doubles(), std::vector<double>{static_cast<double>(3e30f), 0}, 0));
    CHECK(test::close_abs(dx.sliced(0, 4, 2).doubles(), std::vector<double>{1, 0}, 1e-30));
  }
}

TEST_CASE("swiglu: gradients") {
  test::Random random("swiglu");
  const Tensor x = Tensor::from(cpu(), random.normals<double>(2 * 3 * 10, 2), {2, 3, 10});
  CHECK(gradcheck([](const std::vector<Tensor>& in) { return swiglu(in[0]); }, {x}).below(1e-8));
}

TEST_CASE("swiglu: fixtures") {
  test::check_op_fixture(cpu(), "swiglu", {"gate", "up"}, [](const auto& in, const auto&) {
    return swiglu(concat({in[0], in[1]}, in[0].rank() - 1));
  });
}

TEST_CASE("swiglu: fused equals composed, with gradients") {
  test::Random random("swiglu composed");
  const int64_t F = 5000;
  Tensor gate = Tensor::from(cpu(), random.normals(2 * F, 3), {2, F});
  Tensor up = Tensor::from(cpu(), random.normals(2 * F), {2, F});
  const Tensor dy = Tensor::from(cpu(), random.normals(2 * F), {2, F});
  Tensor x = concat({gate, up}, 1).detached();
  for (Tensor* leaf : {&gate, &up, &x}) require_grad(*leaf);
  const auto results = [&](const auto& op) {
    Tape tape;
    const Tensor y = op();
    tape.backward(y, dy);
    return y.doubles();
  };
  CHECK(test::close_by_norm(results([&] { return swiglu(x); }),
                            results([&] { return swiglu_composed(gate, up); }), 3e-7));
  CHECK(test::close_by_norm(grad_of(x).sliced(1, 0, F).doubles(), grad_of(gate).doubles(), 3e-7));
  CHECK(test::close_by_norm(grad_of(x).sliced(1, F, F).doubles(), grad_of(up).doubles(), 3e-7));
}

TEST_CASE("swiglu: wrong shapes are refused") {
  CHECK_THROWS_WITH(swiglu(Tensor::zeros(cpu(), DType::f32, {2, 3})), Catch::Contains("[2, 3]"));
}

TEST_CASE("activation: views and integers are refused") {
  const Tensor x = Tensor::zeros(cpu(), DType::f32, {2, 3});
  CHECK_THROWS_WITH(activation(Activation::relu, x.transposed(0, 1)), Catch::Contains("contiguous()"));
  CHECK_THROWS_WITH(activation(Activation::silu, Tensor::zeros(cpu(), DType::i64, {2})),
                    Catch::Contains("i64"));
}

}  // namespace hewn
