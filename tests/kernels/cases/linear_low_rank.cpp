// A low-rank change of a linear layer's weight: y gains s d(x) A^T B.

#include "core/gradcheck.h"
#include "kernels/activation/op.h"
#include "kernels/copy/op.h"
#include "kernels/devices/devices.h"
#include "kernels/elementwise/op.h"
#include "kernels/linear/op.h"
#include "kernels/matmul/op.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

constexpr double alpha_by_r = 1.75;

/// A step of training on the device.
Tensor third_step(uint64_t seed) {
  const StepState state{.seed = seed, .step = 3};
  Tensor t = Tensor::empty(cpu(), DType::u8, {static_cast<int64_t>(sizeof state)});
  t.upload(&state);
  return t;
}

/// A layer with a low-rank change and, unless `kind` is none, one before it, changed too, whose result is activated.
struct Changed {
  Layout layout;
  Activation kind;
  Tensor step_state;  ///< undefined: no dropout
  bool bf16 = false;

  LinearOptions options(const Tensor& w, const Tensor& residual, const Tensor& a, const Tensor& b,
                        uint32_t site) const {
    const auto copy = [&](const Tensor& t) { return bf16 ? as_type(t, DType::bf16) : Tensor(); };
    return {.layout = layout,
            .residual = residual,
            .weight_bf16 = copy(w),
            .low_rank = {.a = a,
                         .b = b,
                         .a_bf16 = copy(a),
                         .b_bf16 = copy(b),
                         .scale = alpha_by_r,
                         .dropout = step_state.defined() ? 0.3 : 0.0,
                         .site = site,
                         .step_state = step_state}};
  }
  // Inputs: x, weight, bias, residual, A, B, then those of the first layer: weight, bias, A, B.
  Tensor fused(const std::vector<Tensor>& t) const {
    if (kind == Activation::none) return linear(t[0], t[1], t[2], options(t[1], t[3], t[4], t[5], 1));
    return linear(linear_activated(t[0], t[6], t[7], kind, options(t[6], {}, t[8], t[9], 2)), t[1], t[2],
                  options(t[1], t[3], t[4], t[5], 1));
  }
  Tensor composed(const std::vector<Tensor>& t) const {
    const Tensor x =
        kind == Activation::none
            ? t[0]
            : activation(kind, linear_composed(t[0], t[6], t[7], options(t[6], {}, t[8], t[9], 2)));
    return linear_composed(x, t[1], t[2], options(t[1], t[3], t[4], t[5], 1));
  }
};

/// Calls `call` with every layout, two activations, with and without dropout.
template <class Call>
void for_all_changes(DType dtype, const Shape& x, int64_t out, int64_t rank, const Call& call) {
  test::Random random("low rank");
  const auto normals = [&](const Shape& shape) {
    return dtype == DType::f64 ? Tensor::from(cpu(), random.normals<double>(shape.numel()), shape)
                               : Tensor::from(cpu(), random.normals<float>(shape.numel()), shape);
  };
  for (const Layout layout : {Layout::in_out, Layout::out_in})
    for (const Activation kind : {Activation::none, Activation::gelu_tanh, Activation::silu})
      for (const bool drops : {false, true}) {
        INFO((layout == Layout::in_out ? "[in, out]" : "[out, in]")
             << ", activation " << row_of(kind).name << (drops ? ", dropout" : ""));
        const int64_t in = x[-1];
        const auto weight = [&](int64_t from, int64_t to) {
          return normals(layout == Layout::in_out ? Shape{from, to} : Shape{to, from});
        };
        std::vector<Tensor> t{normals(x),          weight(in, out),
                              normals({out}),      normals(x.with(-1, out)),
                              normals({rank, in}), normals({rank, out})};
        if (kind != Activation::none)
          for (const Tensor& more : {weight(in, in), normals({in}), normals({rank, in}), normals({rank, in})})
            t.push_back(more);
        call(t, Changed{layout, kind, drops ? third_step(random.bits()) : Tensor()});
      }
}

/// The output and the gradients of the inputs that `wanted` selects, for one gradient of the output.
template <class Apply>
std::vector<std::vector<double>> gradients_with(
    std::vector<Tensor> in, const Apply& apply,
    const std::function<bool(size_t)>& wanted = [](size_t) { return true; }) {
  for (size_t i = 0; i < in.size(); ++i)
    if (wanted(i)) require_grad(in[i]);
  Tape tape;
  const Tensor y = apply(in);
  std::vector<float> dy(static_cast<size_t>(y.numel()));
  for (size_t i = 0; i < dy.size(); ++i) dy[i] = static_cast<float>(i % 7) - 2.5f;
  std::vector<std::vector<double>> all{y.doubles()};
  tape.backward(y, as_type(Tensor::from(cpu(), dy, y.shape()), y.dtype()));
  for (size_t i = 0; i < in.size(); ++i)
    all.push_back(wanted(i) ? grad_of(in[i]).doubles() : std::vector<double>());
  return all;
}

/// Whether input i of `Changed` belongs to a low-rank change.
bool of_change(size_t i) { return i == 4 || i == 5 || i == 8 || i == 9; }

}  // namespace

TEST_CASE("linear: gradient of a low-rank change") {
  for_all_changes(DType::f64, {2, 3, 4}, 5, 2, [](const std::vector<Tensor>& inputs, const Changed& layers) {
    const auto result = gradcheck([&](const std::vector<Tensor>& in) { return layers.fused(in); }, inputs);
    INFO(result.worst);
    CHECK(result.below(1e-8));
  });
}

TEST_CASE("linear: a low-rank change equals its composition, with its gradients") {
  for (const DType dtype : {DType::f64, DType::f32})
    for (const int64_t rank : {1, 8, 19})
      for_all_changes(
          dtype, {3, 7, 37}, 51, rank, [&](const std::vector<Tensor>& inputs, const Changed& layers) {
            const auto fused = gradients_with(inputs, [&](const auto& in) { return layers.fused(in); });
            const auto composed = gradients_with(inputs, [&](const auto& in) { return layers.composed(in); });
            for (size_t i = 0; i < fused.size(); ++i) {
              INFO("of y and the gradients of all inputs, number " << i);
              // In a gradient of rank 1, sums of 51 and 37 products may cancel, one after the other.
              CHECK(test::close_by_norm(fused[i], composed[i], dtype == DType::f64 ? 1e-13 : 1e-5));
            }
          });
}

TEST_CASE("linear: a low-rank change is the change of the weight that it states") {
  for_all_changes(DType::f64, {5, 6}, 7, 3, [](const std::vector<Tensor>& t, const Changed& layers) {
    if (layers.kind != Activation::none || layers.step_state.defined()) return;
    const bool in_out = layers.layout == Layout::in_out;
    const Tensor change =
        scale(in_out ? matmul(t[4], t[5], true, false) : matmul(t[5], t[4], true, false), alpha_by_r);
    const Tensor merged = linear(t[0], add(t[1], change), t[2], {.layout = layers.layout, .residual = t[3]});
    CHECK(test::close_by_norm(layers.fused(t).doubles(), merged.doubles(), 1e-14));
  });
}

TEST_CASE("linear: with bf16 weights, a low-rank change multiplies rounded operands") {
  for_all_changes(DType::f32, {3, 7, 37}, 51, 8,
                  [&](const std::vector<Tensor>& inputs, const Changed& layers) {
                    // u and v are rounded too; behind an activation, so is what it reads.
                    const bool straight = layers.kind == Activation::none;
                    Changed narrow = layers;
                    narrow.bf16 = true;
                    const auto got = gradients_with(inputs, [&](const auto& in) { return narrow.fused(in); });
                    std::vector<Tensor> in = inputs;
                    for (const size_t i : {0u, 1u, 4u, 5u, 6u, 8u, 9u})
                      if (i < in.size()) in[i] = cast(cast(in[i].detached(), DType::bf16), DType::f32);
                    const auto expected = gradients_with(in, [&](const auto& t) { return layers.fused(t); });
                    for (size_t i = 0; i < got.size(); ++i) {
                      INFO("of y and the gradients of all inputs, number " << i);
                      CHECK(test::close_by_norm(got[i], expected[i], straight ? 1e-2 : 6e-2));
                    }
                  });
}

TEST_CASE("linear: beside a fixed weight, a low-rank change has the same gradients and keeps less") {
  for_all_changes(DType::f32, {3, 7, 37}, 51, 8,
                  [](const std::vector<Tensor>& inputs, const Changed& layers) {
                    const auto all = gradients_with(inputs, [&](const auto& in) { return layers.fused(in); });
                    const auto trains = [](size_t i) { return i == 0 || of_change(i); };
                    const auto some = gradients_with(
                        inputs, [&](const auto& in) { return layers.fused(in); }, trains);
                    for (size_t i = 0; i < inputs.size(); ++i)
                      if (trains(i)) CHECK(some[i + 1] == all[i + 1]);
                    // Only A and B, as in the lowest layer.
                    const auto lowest = gradients_with(
                        inputs, [&](const auto& in) { return layers.fused(in); }, of_change);
                    for (size_t i = 0; i < inputs.size(); ++i)
                      if (of_change(i)) CHECK(lowest[i + 1] == all[i + 1]);
                  });
  test::Random random("kept by a change");
  Tensor x = Tensor::from(cpu(), random.normals(6), {2, 3}),
         b = Tensor::from(cpu(), random.normals(8), {2, 4});
  const Tensor w = Tensor::from(cpu(), random.normals(12), {3, 4}),
               a = Tensor::from(cpu(), random.normals(6), {2, 3});
  require_grad(x), require_grad(b);
  Tape tape;
  (void)linear(x, w, {}, {.low_rank = {.a = a, .b = b}});
  for (const SavedField& field : tape.node(0)->saved()) CHECK(std::string_view(field.name) != "x");
}

TEST_CASE("linear: without a tape, a changed layer that is activated yields its value only") {
  test::Random random("no tape, changed");
  const Tensor x = Tensor::from(cpu(), random.normals(6), {2, 3}),
               w = Tensor::from(cpu(), random.normals(12), {3, 4}),
               a = Tensor::from(cpu(), random.normals(6), {2, 3}),
               b = Tensor::from(cpu(), random.normals(8), {2, 4});
  const LinearOptions options{.low_rank = {.a = a, .b = b, .scale = 2}};
  const Activated h = linear_activated(x, w, {}, Activation::relu, options);
  CHECK(!h.z.defined());
  CHECK(h.value.doubles() == activation(Activation::relu, linear(x, w, {}, options)).doubles());
}

TEST_CASE("linear: low-rank changes of other shapes and types are refused") {
  const auto make = [](const Shape& s, DType type = DType::f32) { return Tensor::zeros(cpu(), type, s); };
  const auto call = [&](const Tensor& a, const Tensor& b, const Tensor& a_bf16 = {}, double dropout = 0) {
    return linear(make({2, 3}), make({3, 4}), {},
                  {.low_rank = {.a = a, .b = b, .a_bf16 = a_bf16, .dropout = dropout}});
  };
  CHECK(call(make({2, 3}), make({2, 4})).shape() == Shape{2, 4});
  CHECK_THROWS_WITH(call(make({2, 4}), make({2, 4})),
                    Catch::Contains("A of the low-rank change is f32 [2, 4]"));
  CHECK_THROWS_WITH(call(make({2, 3}), make({3, 4})),
                    Catch::Contains("B of the low-rank change is f32 [3, 4]"));
  CHECK_THROWS_WITH(call(make({2, 3}), {}), Catch::Contains("undefined"));
  CHECK_THROWS_WITH(call(make({3}), make({3, 4})), Catch::Contains("expected [r, in]"));
  CHECK_THROWS_WITH(call(make({2, 3}, DType::f64), make({2, 4})), Catch::Contains("expected f32"));
  CHECK_THROWS_WITH(call(make({2, 3}), make({2, 4}), make({2, 3}, DType::bf16)),
                    Catch::Contains("bf16 copy"));
  CHECK_THROWS_WITH(call(make({2, 3}), make({2, 4}), {}, 1), Catch::Contains("probability"));
}

}  // namespace hewn
