// Low-rank changes of linear layers on a GPU: what they compute, in f32 and in bf16, is their composition.

#include "kernels/activation/op.h"
#include "kernels/copy/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/linear/op.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/gpu.h"
#include "tests/support/random.h"

#include <cmath>

namespace hewn {
namespace {

/// Two changed layers with an activation between, as in an MLP with adapters.
struct ChangeInputs {
  Tensor x, residual, w1, b1, a1, up1, w2, b2, a2, up2;
  std::vector<Tensor*> all() { return {&x, &residual, &w1, &b1, &a1, &up1, &w2, &b2, &a2, &up2}; }
  std::vector<Tensor*> trained() { return {&x, &a1, &up1, &a2, &up2}; }
};

/// x and residual are of type `activations`; all values can be represented in bf16. Weights have the size that keeps
/// the deviation of a layer's results at 1: larger ones amplify the rounding of activations.
ChangeInputs change_inputs(Device& device, DType activations, int64_t rank) {
  constexpr int64_t rows = 70, in = 24, wide = 40, out = 16;
  test::Random random("low rank on a GPU");
  const auto normals = [&](const Shape& shape, DType type = DType::f32, int64_t fan_in = 1) {
    const auto values = random.normals(shape.numel(), 1 / std::sqrt(static_cast<double>(fan_in)));
    return as_type(as_type(Tensor::from(device, values, shape), DType::bf16), type);
  };
  const auto weights = [&](const Shape& shape, int64_t fan_in) { return normals(shape, DType::f32, fan_in); };
  return {normals({rows, in}, activations), normals({rows, out}, activations),
          weights({in, wide}, in),          normals({wide}),
          weights({rank, in}, in),          weights({rank, wide}, rank),
          weights({wide, out}, wide),       normals({out}),
          weights({rank, wide}, wide),      weights({rank, out}, rank)};
}

/// A step of training on the device.
Tensor change_state(Device& device) {
  const StepState state{.seed = 11, .step = 3};
  Tensor t = Tensor::empty(device, DType::u8, {static_cast<int64_t>(sizeof state)});
  t.upload(&state);
  return t;
}

struct ChangedLayers {
  Activation kind = Activation::gelu_tanh;
  Tensor step_state = {};  ///< undefined: no dropout
  bool twice = false;      ///< two readers of the first layer, whose gradients are added

  LinearOptions options(bool bf16, const Tensor& w, const Tensor& residual, const Tensor& a, const Tensor& b,
                        uint32_t site) const {
    const auto copy = [&](const Tensor& t) { return bf16 ? as_type(t, DType::bf16) : Tensor(); };
    LinearOptions options{.residual = residual, .weight_bf16 = copy(w), .bf16_result = bf16};
    options.low_rank = {.a = a,
                        .b = b,
                        .a_bf16 = copy(a),
                        .b_bf16 = copy(b),
                        .scale = 0.75,
                        .dropout = step_state.defined() ? 0.3 : 0.0,
                        .site = site,
                        .step_state = step_state};
    return options;
  }
  Tensor fused(const ChangeInputs& t) const {
    const bool bf16 = t.x.dtype() == DType::bf16;
    const Activated h = linear_activated(t.x, t.w1, t.b1, kind, options(bf16, t.w1, {}, t.a1, t.up1, 1));
    const auto second = [&] {
      return linear(h, t.w2, t.b2, options(bf16, t.w2, t.residual, t.a2, t.up2, 2));
    };
    return twice ? add(second(), second()) : second();
  }
  Tensor composed(const ChangeInputs& t) const {
    const Tensor h =
        activation(kind, linear_composed(t.x, t.w1, t.b1, options(false, t.w1, {}, t.a1, t.up1, 1)));
    const auto second = [&] {
      return linear_composed(h, t.w2, t.b2, options(false, t.w2, t.residual, t.a2, t.up2, 2));
    };
    return twice ? add(second(), second()) : second();
  }
};

/// y and the gradients of `leaves`.
template <class Call>
std::vector<std::vector<double>> gradients_of_change(Executor& device, ChangeInputs t,
                                                     std::vector<Tensor*> (ChangeInputs::*leaves)(),
                                                     const Call& call) {
  for (Tensor* leaf : (t.*leaves)()) require_grad(*leaf);
  Tape tape;
  const Tensor y = call(t);
  std::vector<std::vector<double>> values{y.doubles()};
  std::vector<float> dy(static_cast<size_t>(y.numel()));
  for (size_t i = 0; i < dy.size(); ++i) dy[i] = static_cast<float>(i % 7) - 2.5f;
  tape.backward(y, as_type(Tensor::from(device, dy, y.shape()), y.dtype()));
  for (const Tensor* leaf : (t.*leaves)()) values.push_back(grad_of(*leaf).doubles());
  return values;
}

void compare_changes(Executor& gpu, const ChangedLayers& layers, int64_t rank,
                     std::vector<Tensor*> (ChangeInputs::*leaves)()) {
  const auto expected = gradients_of_change(gpu, change_inputs(gpu, DType::f32, rank), leaves,
                                            [&](const ChangeInputs& t) { return layers.composed(t); });
  const double bf16_tolerance = rank == 1 ? 3e-2 : 1.5e-2;  // a gradient that is one sum can cancel
  for (const DType type : {DType::f32, DType::bf16}) {
    const auto got = gradients_of_change(gpu, change_inputs(gpu, type, rank), leaves,
                                         [&](const ChangeInputs& t) { return layers.fused(t); });
    for (size_t i = 0; i < got.size(); ++i) {
      INFO(name_of(type) << ", rank " << rank << ", of y and the gradients, number " << i);
      CHECK(test::close_by_norm(got[i], expected[i], type == DType::f32 ? 1e-6 : bf16_tolerance));
    }
  }
}

}  // namespace

TEST_CASE("GPU linear: layers with low-rank changes equal their composition, with all gradients") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  for (const int64_t rank : {1, 8, 64}) compare_changes(*gpu, ChangedLayers{}, rank, &ChangeInputs::all);
  compare_changes(*gpu, ChangedLayers{.kind = Activation::silu, .step_state = change_state(*gpu)}, 8,
                  &ChangeInputs::all);
}

TEST_CASE("GPU linear: beside fixed weights, only low-rank changes have gradients") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  for (const bool twice : {false, true}) {
    compare_changes(*gpu, ChangedLayers{.twice = twice}, 8, &ChangeInputs::trained);
    compare_changes(*gpu, ChangedLayers{.step_state = change_state(*gpu), .twice = twice}, 8,
                    &ChangeInputs::trained);
  }
}

}  // namespace hewn
