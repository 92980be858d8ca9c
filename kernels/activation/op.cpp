#include "kernels/activation/op.h"

#include <cmath>
#include <numbers>

#include "kernels/contract.h"
#include "kernels/elementwise/op.h"

namespace hewn {
namespace {

constexpr OpInfo infos[] = {
    {"none", "y = x", "dx = dy"},
    {"relu", "y = max(x, 0)", "dx = [x > 0] dy"},
    {"silu", "y = x s, s = 1 / (1 + exp(-x))", "dx = (s + x s (1 - s)) dy"},
    {"gelu_tanh", "y = x (1 + tanh u) / 2, u = sqrt(2/pi) (x + 0.044715 x^3)",
     "dx = ((1 + tanh u) / 2 + x (1 - tanh^2 u) / 2 du/dx) dy, du/dx = sqrt(2/pi) (1 + 0.134145 x^2)"},
    {"gelu_erf", "y = x P, P = (1 + erf(x / sqrt 2)) / 2", "dx = (P + x exp(-x^2 / 2) / sqrt(2 pi)) dy"},
};
const OpInfo& info_of(Activation kind) { return infos[static_cast<size_t>(kind)]; }

struct ActivationNode final : Node {
  Activation kind;
  Saved x;
  ActivationNode(Activation k, const Tensor& input) : kind(k), x(input) {}
  const OpInfo& info() const override { return info_of(kind); }
  std::vector<SavedField> saved() const override { return {{"x", &x}}; }
  void backward(const Tensor& dy, Grads& grads) override {
    const auto [dx, write] = grads.at(0);
    run(dy.device(),
        ActivationBackward{kind, dy.dtype(), dy.numel(), x->data(), dy.data(), dx.data(), write});
  }
};

}  // namespace

Tensor activation(Activation kind, const Tensor& x) {
  if (kind == Activation::none) return x;
  const InOp op(info_of(kind));
  require(x.is_contiguous(), info_of(kind).name, ": x of shape ", x.shape(),
          " is a view; call contiguous() first");
  require(x.dtype() == DType::f32 || x.dtype() == DType::f64, info_of(kind).name, ": x is ",
          name_of(x.dtype()), "; f32 or f64 is needed");
  Tensor y = x.like();
  run(x.device(), ActivationForward{kind, x.dtype(), x.numel(), x.data(), y.data()});
  return record(y, {x}, ActivationNode(kind, x));
}

Tensor relu(const Tensor& x) { return activation(Activation::relu, x); }
Tensor silu(const Tensor& x) { return activation(Activation::silu, x); }
Tensor gelu_tanh(const Tensor& x) { return activation(Activation::gelu_tanh, x); }
Tensor gelu_erf(const Tensor& x) { return activation(Activation::gelu_erf, x); }

Tensor silu_composed(const Tensor& x) { return mul(x, sigmoid(x)); }

Tensor gelu_tanh_composed(const Tensor& x) {
  const Tensor cube = mul(mul(x, x), x);
  const Tensor u = scale(add(x, scale(cube, 0.044715)), std::sqrt(2 * std::numbers::inv_pi));
  return mul(x, scale(add_scalar(tanh(u), 1), 0.5));
}

}  // namespace hewn
