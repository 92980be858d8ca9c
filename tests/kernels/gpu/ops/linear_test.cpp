// Linear layers on a GPU: what their backward pass computes beside a product, and activations in bf16.

#include <algorithm>
#include <map>

#include "kernels/activation/op.h"
#include "kernels/contract/contract.h"
#include "kernels/copy/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/linear/op.h"
#include "kernels/linear_cross_entropy/op.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/gpu.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

/// Counts the launches of every op.
class LaunchCounter final : public Profiler {
 public:
  void launched(const char* op, const char*, const Cost&) override { ++launches[op]; }
  std::map<std::string, int> launches;
};

/// Two layers with an activation between, as in an MLP: x, residual, and each layer's weight and bias.
struct MlpInputs {
  Tensor x, residual, w1, b1, w2, b2;
  std::vector<Tensor*> leaves() { return {&x, &residual, &w1, &b1, &w2, &b2}; }
};

/// x and residual are of type `activations`; all values can be represented in bf16.
MlpInputs mlp_inputs(Device& device, DType activations) {
  constexpr int64_t rows = 70, in = 24, wide = 40, out = 16;
  test::Random random("MLP on a GPU");
  const auto normals = [&](const Shape& shape, DType type) {
    const Tensor exact = as_type(Tensor::from(device, random.normals(shape.numel()), shape), DType::bf16);
    return as_type(exact, type);
  };
  return {normals({rows, in}, activations), normals({rows, out}, activations),
          normals({in, wide}, DType::f32),  normals({wide}, DType::f32),
          normals({wide, out}, DType::f32), normals({out}, DType::f32)};
}

/// y and the gradients of all inputs, and what was launched for the latter.
struct MlpResult {
  std::vector<std::vector<double>> values;
  std::map<std::string, int> launches;
};
template <class Call>
MlpResult with_gradients(Executor& device, MlpInputs t, const Call& call) {
  for (Tensor* leaf : t.leaves()) require_grad(*leaf);
  MlpResult result;
  Tape tape;
  const Tensor y = call(t);
  result.values.push_back(y.doubles());
  std::vector<float> dy(static_cast<size_t>(y.numel()));
  for (size_t i = 0; i < dy.size(); ++i) dy[i] = static_cast<float>(i % 7) - 2.5f;
  const Tensor gradient = as_type(Tensor::from(device, dy, y.shape()), y.dtype());
  LaunchCounter counter;
  device.profile(&counter);
  tape.backward(y, gradient);
  device.profile(nullptr);
  result.launches = counter.launches;
  for (const Tensor* leaf : t.leaves()) result.values.push_back(grad_of(*leaf).doubles());
  return result;
}

Tensor mlp(const MlpInputs& t, Activation kind) {
  const bool bf16 = t.x.dtype() == DType::bf16;
  const auto options = [bf16](const Tensor& w, const Tensor& residual) {
    LinearOptions o;
    o.residual = residual;
    if (bf16) o.weight_bf16 = as_type(w, DType::bf16), o.bf16_result = true;
    return o;
  };
  return linear(linear_activated(t.x, t.w1, t.b1, kind, options(t.w1, {})), t.w2, t.b2,
                options(t.w2, t.residual));
}

Tensor mlp_composed(const MlpInputs& t, Activation kind) {
  LinearOptions options;
  options.residual = t.residual;
  return linear_composed(activation(kind, linear_composed(t.x, t.w1, t.b1)), t.w2, t.b2, options);
}

}  // namespace

TEST_CASE("GPU linear: an MLP equals its composition, with its gradients, in f32 and in bf16") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  for (const ActivationRow& row : activation_table) {
    INFO(row.name);
    const auto expected = with_gradients(*gpu, mlp_inputs(*gpu, DType::f32),
                                         [&](const MlpInputs& t) { return mlp_composed(t, row.kind); });
    for (const DType type : {DType::f32, DType::bf16}) {
      if (type == DType::bf16 && row.kind == Activation::relu) continue;  // its slope leaps at 0
      const auto got =
          with_gradients(*gpu, mlp_inputs(*gpu, type), [&](const MlpInputs& t) { return mlp(t, row.kind); });
      for (size_t i = 0; i < got.values.size(); ++i) {
        INFO(name_of(type) << ", of y and the gradients of all inputs, number " << i);
        CHECK(test::close_by_norm(got.values[i], expected.values[i], type == DType::f32 ? 1e-6 : 6e-3));
      }
    }
  }
}

TEST_CASE("GPU linear: in bf16 the backward pass of an MLP is four products") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  const auto got = with_gradients(*gpu, mlp_inputs(*gpu, DType::bf16),
                                  [](const MlpInputs& t) { return mlp(t, Activation::gelu_tanh); });
  CHECK((got.launches == std::map<std::string, int>{{"matmul", 4}}));
}

TEST_CASE("GPU linear: gradients behind an activation add up") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  const auto twice = [](const auto& layer) {
    return [layer](const MlpInputs& t) {
      const Tensor y = layer(t);
      return add(y, y);
    };
  };
  const auto both = [](const MlpInputs& t) {  // two readers of one activated layer
    const Activated h = linear_activated(t.x, t.w1, t.b1, Activation::silu);
    LinearOptions options;
    options.residual = t.residual;
    return add(linear(h, t.w2, t.b2, options), linear(h, t.w2, t.b2, options));
  };
  const auto got = with_gradients(*gpu, mlp_inputs(*gpu, DType::f32), both);
  const auto expected =
      with_gradients(*gpu, mlp_inputs(*gpu, DType::f32),
                     twice([](const MlpInputs& t) { return mlp_composed(t, Activation::silu); }));
  for (size_t i = 0; i < got.values.size(); ++i)
    CHECK(test::close_by_norm(got.values[i], expected.values[i], 1e-6));
}

TEST_CASE("GPU linear: the gradient of a bias is the sum of the bf16 gradient's rows, in float32") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  test::Random random("bias on a GPU");
  for (const int64_t n : {1, 5, 300, 1700}) {
    INFO(n << " rows");
    const auto normals = [&](const Shape& shape, DType type) {
      return as_type(Tensor::from(*gpu, random.normals(shape.numel()), shape), type);
    };
    const Tensor x = normals({n, 9}, DType::bf16), dy = normals({n, 21}, DType::bf16);
    Tensor w = normals({9, 21}, DType::f32), b = normals({21}, DType::f32);
    require_grad(w), require_grad(b);
    std::vector<double> expected(21);
    const std::vector<double> values = dy.doubles();
    for (size_t i = 0; i < values.size(); ++i) expected[i % 21] += values[i];
    for (const double times : {1, 2}) {  // the second backward pass adds to the first
      Tape tape;
      tape.backward(linear(x, w, b, {.weight_bf16 = as_type(w, DType::bf16), .bf16_result = true}), dy);
      std::vector<double> sums = expected;
      for (double& sum : sums) sum *= times;
      CHECK(grad_of(b).dtype() == DType::f32);
      CHECK(test::close_by_norm(grad_of(b).doubles(), sums, 1e-6));
    }
  }
}

TEST_CASE("GPU head: a bf16 x has a bf16 gradient") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  test::Random random("bf16 head");
  const Tensor half = as_type(Tensor::from(*gpu, random.normals(53 * 24), {53, 24}), DType::bf16),
               w = Tensor::from(*gpu, random.normals(61 * 24), {61, 24});
  std::vector<int32_t> ids(53);
  for (int32_t& id : ids) id = static_cast<int32_t>(random.integer(0, 60));
  const Tensor targets = Tensor::from(*gpu, ids, {53});
  const auto gradients = [&](const Tensor& input) {
    Tensor x = input.detached(), weight = w.detached();
    require_grad(x), require_grad(weight);
    Tape tape;
    const Tensor loss =
        linear_cross_entropy(x, weight, {}, targets, {.weight_bf16 = as_type(w, DType::bf16)});
    CHECK(loss.dtype() == DType::f32);
    tape.backward(loss, {}, 3.0);
    CHECK(grad_of(x).dtype() == x.dtype());
    return std::vector{loss.doubles(), grad_of(x).doubles(), grad_of(weight).doubles()};
  };
  const auto got = gradients(half), expected = gradients(as_type(half, DType::f32));
  CHECK(got[0] == expected[0]);
  CHECK(test::close_by_norm(got[1], expected[1], 5e-3));
  CHECK(got[2] == expected[2]);
}

}  // namespace hewn
