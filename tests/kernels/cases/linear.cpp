#include "kernels/linear/op.h"

#include <cmath>

#include "core/gradcheck.h"
#include "kernels/activation/op.h"
#include "kernels/copy/op.h"
#include "kernels/devices/devices.h"
#include "kernels/elementwise/op.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

/// Whether f'' is the same on both sides of 0, where the inputs of a gradient check may be.
bool smooth_at_0(Activation kind) {
  const auto slope = row_of(kind).slope;
  constexpr double h = 1e-5;
  return std::abs(slope(h) - 2 * slope(0) + slope(-h)) < 1e-3 * h;
}

/// A linear layer and, unless `kind` is none, one before it whose result is activated.
struct Layers {
  Layout layout;
  Activation kind;
  bool extras;  ///< biases and a residual

  /// Inputs: x, weight, then if `extras` bias and residual, then unless `kind` is none the first layer's weight and,
  /// if `extras`, bias.
  Tensor fused(const std::vector<Tensor>& t, bool bf16 = false) const {
    const auto options = [&](const Tensor& weight, const Tensor& residual) {
      return LinearOptions{.layout = layout,
                           .residual = residual,
                           .weight_bf16 = bf16 ? as_type(weight, DType::bf16) : Tensor()};
    };
    const Tensor bias = extras ? t[2] : Tensor(), residual = extras ? t[3] : Tensor();
    if (kind == Activation::none) return linear(t[0], t[1], bias, options(t[1], residual));
    const auto [weight, first_bias] = first(t);
    return linear(linear_activated(t[0], weight, first_bias, kind, options(weight, {})), t[1], bias,
                  options(t[1], residual));
  }
  Tensor composed(const std::vector<Tensor>& t) const {
    const Tensor bias = extras ? t[2] : Tensor(), residual = extras ? t[3] : Tensor();
    if (kind == Activation::none) return linear_composed(t[0], t[1], bias, {layout, residual});
    const auto [weight, first_bias] = first(t);
    return linear_composed(activation(kind, linear_composed(t[0], weight, first_bias, {layout})), t[1], bias,
                           {layout, residual});
  }

 private:
  std::pair<Tensor, Tensor> first(const std::vector<Tensor>& t) const {
    return extras ? std::pair{t[4], t[5]} : std::pair{t[2], Tensor()};
  }
};

/// Calls `call` with every layout and activation (those with a kink in f32 only), with and without biases and residual.
template <class Call>
void for_all_options(DType dtype, const Shape& x, int64_t out, const Call& call) {
  test::Random random("linear");
  const auto normals = [&](const Shape& shape) {
    return dtype == DType::f64 ? Tensor::from(cpu(), random.normals<double>(shape.numel()), shape)
                               : Tensor::from(cpu(), random.normals<float>(shape.numel()), shape);
  };
  for (const Layout layout : {Layout::in_out, Layout::out_in}) {
    for (const ActivationRow& row : activation_table) {
      const Activation kind = row.kind;
      if (dtype == DType::f64 && !smooth_at_0(kind)) continue;
      for (const bool extras : {false, true}) {
        INFO((layout == Layout::in_out ? "[in, out]" : "[out, in]")
             << ", activation " << row.name << (extras ? ", bias and residual" : ""));
        const int64_t in = x[-1];
        std::vector<Tensor> t{normals(x),
                              normals(layout == Layout::in_out ? Shape{in, out} : Shape{out, in})};
        if (extras) t.push_back(normals({out})), t.push_back(normals(x.with(-1, out)));
        if (kind != Activation::none) t.push_back(normals({in, in}));
        if (kind != Activation::none && extras) t.push_back(normals({in}));
        call(t, Layers{layout, kind, extras});
      }
    }
  }
}

/// The output and the gradients of all inputs, for one gradient of the output.
template <class Apply>
std::vector<std::vector<double>> with_gradients(std::vector<Tensor> in, const Apply& apply) {
  for (Tensor& t : in) require_grad(t);
  Tape tape;
  const Tensor y = apply(in);
  std::vector<float> dy(static_cast<size_t>(y.numel()));
  for (size_t i = 0; i < dy.size(); ++i) dy[i] = static_cast<float>(i % 7) - 2.5f;
  std::vector<std::vector<double>> all{y.doubles()};
  tape.backward(y, as_type(Tensor::from(cpu(), dy, y.shape()), y.dtype()));
  for (const Tensor& t : in) all.push_back(grad_of(t).doubles());
  return all;
}

}  // namespace

TEST_CASE("linear: gradient") {
  for_all_options(DType::f64, {2, 3, 4}, 5, [](const std::vector<Tensor>& inputs, const Layers& layers) {
    const auto result = gradcheck([&](const std::vector<Tensor>& in) { return layers.fused(in); }, inputs);
    INFO(result.worst);
    CHECK(result.below(1e-8));
  });
}

TEST_CASE("linear: equals its composition, with its gradients") {
  for_all_options(DType::f32, {3, 7, 37}, 51, [](const std::vector<Tensor>& inputs, const Layers& layers) {
    const auto fused = with_gradients(inputs, [&](const auto& in) { return layers.fused(in); });
    const auto composed = with_gradients(inputs, [&](const auto& in) { return layers.composed(in); });
    for (size_t i = 0; i < fused.size(); ++i) {
      INFO("of y and the gradients of all inputs, number " << i);
      CHECK(test::close_by_norm(fused[i], composed[i], 1e-6));
    }
  });
}

TEST_CASE("linear: with a bf16 weight, products are those of rounded operands") {
  const auto rounded = [](const Tensor& t) { return cast(cast(t.detached(), DType::bf16), DType::f32); };
  for_all_options(DType::f32, {3, 7, 37}, 51, [&](const std::vector<Tensor>& inputs, const Layers& layers) {
    // Without an activation nothing else is rounded: the incoming gradient is a multiple of 1/2.
    const bool straight = layers.kind == Activation::none;
    const auto got = with_gradients(inputs, [&](const auto& in) { return layers.fused(in, true); });
    std::vector<Tensor> in = inputs;
    for (const size_t i : layers.extras ? std::vector<size_t>{0, 1, 4} : std::vector<size_t>{0, 1, 2})
      if (i < in.size()) in[i] = rounded(in[i]);
    const auto expected = with_gradients(in, [&](const auto& t) { return layers.fused(t); });
    for (size_t i = 0; i < got.size(); ++i) {
      INFO("of y and the gradients of all inputs, number " << i);
      CHECK(test::close_by_norm(got[i], expected[i], straight ? 1e-6 : 5e-3));
    }
  });
}

TEST_CASE("linear: the gradient behind an activation is added to an earlier one") {
  test::Random random("two readers");
  const Tensor x = Tensor::from(cpu(), random.normals<double>(6), {2, 3}),
               w = Tensor::from(cpu(), random.normals<double>(9), {3, 3}),
               v = Tensor::from(cpu(), random.normals<double>(12), {3, 4});
  const auto result = gradcheck(
      [](const std::vector<Tensor>& in) {
        const Activated h = linear_activated(in[0], in[1], {}, Activation::gelu_tanh);
        return add(linear(h, in[2], {}), linear(h, in[2], {}));
      },
      {x, w, v});
  INFO(result.worst);
  CHECK(result.below(1e-8));
}

TEST_CASE("linear: without a tape, only what an activation yields is computed") {
  test::Random random("no tape");
  const Tensor x = Tensor::from(cpu(), random.normals(6), {2, 3}),
               w = Tensor::from(cpu(), random.normals(12), {3, 4});
  const Activated h = linear_activated(x, w, {}, Activation::relu);
  CHECK(!h.z.defined());
  CHECK(h.value.doubles() == activation(Activation::relu, linear(x, w, {})).doubles());
}

TEST_CASE("linear: with a bf16 weight, x and y may be bf16 as well") {
  test::Random random("bf16_result");
  for (const Layout layout : {Layout::in_out, Layout::out_in}) {
    INFO((layout == Layout::in_out ? "[in, out]" : "[out, in]"));
    const Tensor x = as_type(Tensor::from(cpu(), random.normals(3 * 7 * 37), {3, 7, 37}), DType::bf16);
    const Tensor w = Tensor::from(cpu(), random.normals(37 * 51),
                                  layout == Layout::in_out ? Shape{37, 51} : Shape{51, 37});
    const Tensor bias = Tensor::from(cpu(), random.normals(51), {51});
    const auto all = [&](const Tensor& input, bool bf16_result) {
      return with_gradients({input, w, bias}, [&](const auto& in) {
        const Tensor y =
            linear(in[0], in[1], in[2],
                   {.layout = layout, .weight_bf16 = as_type(w, DType::bf16), .bf16_result = bf16_result});
        CHECK(y.dtype() == (bf16_result ? DType::bf16 : DType::f32));
        return y;
      });
    };
    const auto wide = all(as_type(x, DType::f32), false), bf16_result = all(x, true), between = all(x, false);
    for (size_t i = 0; i < wide.size(); ++i) {
      INFO("of y, dx, dW, db, number " << i);
      CHECK(test::close_by_norm(bf16_result[i], wide[i], i < 2 ? 3e-3 : 1e-6));
      CHECK(test::close_by_norm(between[i], wide[i], i == 1 ? 3e-3 : 1e-6));
    }
  }
  const Tensor x = Tensor::from(cpu(), random.normals(6), {2, 3}),
               w = Tensor::from(cpu(), random.normals(12), {3, 4});
  CHECK_THROWS_AS(linear(x, w, {}, {.bf16_result = true}), Error);
  CHECK_THROWS_AS(linear(as_type(x, DType::bf16), w, {}), Error);
}

TEST_CASE("linear: adds to an existing weight gradient") {
  test::Random random("accumulate");
  Tensor w = Tensor::from(cpu(), random.normals(12), {3, 4});
  require_grad(w);
  const Tensor x = Tensor::from(cpu(), random.normals(6), {2, 3});
  std::vector<double> once;
  for (int i = 0; i < 2; ++i) {
    Tape tape;
    const Tensor y = linear(x, w, {});
    tape.backward(y, Tensor::from(cpu(), std::vector<float>(8, 1), {2, 4}));
    if (i == 0) once = grad_of(w).doubles();
  }
  for (double& g : once) g *= 2;
  CHECK(test::close_by_norm(grad_of(w).doubles(), once, 1e-6));
}

TEST_CASE("linear: a gradient for the residual only") {
  test::Random random("residual");
  Tensor residual = Tensor::from(cpu(), random.normals(8), {2, 4});
  require_grad(residual);
  const Tensor x = Tensor::from(cpu(), random.normals(6), {2, 3});
  const Tensor w = Tensor::from(cpu(), random.normals(12), {3, 4});
  const Tensor dy = Tensor::from(cpu(), random.normals(8), {2, 4});
  Tape tape;
  tape.backward(linear(x, w, {}, {.residual = residual}), dy);
  CHECK(grad_of(residual).doubles() == dy.doubles());
}

TEST_CASE("linear: x is kept only for the gradient of the weight") {
  test::Random random("kept");
  Tensor x = Tensor::from(cpu(), random.normals(6), {2, 3});
  const Tensor w = Tensor::from(cpu(), random.normals(12), {3, 4});
  Tensor bias = Tensor::from(cpu(), random.normals(4), {4});
  require_grad(x), require_grad(bias);
  const Tensor dy = Tensor::from(cpu(), random.normals(8), {2, 4});
  std::vector<std::vector<double>> fixed, trained;
  for (const bool trains : {false, true}) {
    Tensor weight = w.clone();
    if (trains) require_grad(weight);
    clear_grad(x), clear_grad(bias);
    Tape tape;
    const Tensor y = linear(x, weight, bias);
    const std::vector<SavedField> saved = tape.node(0)->saved();
    CHECK((std::string_view(saved[0].name) == "x") == trains);
    CHECK(saved.size() == (trains ? 2 : 1));
    tape.backward(y, dy);
    std::vector<std::vector<double>>& gradients = trains ? trained : fixed;
    gradients.push_back(grad_of(x).doubles());
    gradients.push_back(grad_of(bias).doubles());
  }
  CHECK(fixed == trained);
}

TEST_CASE("linear: wrong shapes are refused") {
  const auto make = [](const Shape& s) { return Tensor::zeros(cpu(), DType::f32, s); };
  CHECK_THROWS_WITH(linear(make({2, 3}), make({4, 3}), {}), Catch::Contains("[4, 3] [in, out] takes 4"));
  CHECK_THROWS_WITH(linear(make({2, 3}), make({3, 4}), make({3})), Catch::Contains("bias"));
  CHECK_THROWS_WITH(linear(make({2, 3}), make({3, 4}), {}, {.residual = make({2, 3})}),
                    Catch::Contains("expected f32 [2, 4]"));
  CHECK_THROWS_WITH(
      linear_activated(make({2, 3}), make({3, 4}), {}, Activation::relu, {.residual = make({2, 4})}),
      Catch::Contains("residual"));
}

}  // namespace hewn
