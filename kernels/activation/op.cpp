#include "kernels/activation/op.h"

#include <array>
#include <cmath>
#include <numbers>

#include "kernels/contract/contract.h"
#include "kernels/contract/unfold.h"
#include "kernels/copy/op.h"
#include "kernels/elementwise/op.h"

namespace hewn {
namespace {

/// The names and formulas of the table, as OpInfo.
constexpr auto infos = [] {
  std::array<OpInfo, n_activations> all{};
  for (const ActivationRow& row : activation_table)
    all[static_cast<size_t>(row.kind)] = {row.name, row.formula, row.gradient};
  return all;
}();
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

constexpr OpInfo swiglu_info{"swiglu", "y = gate s up, s = 1 / (1 + exp(-gate))",
                             "dgate = (s + gate s (1 - s)) up dy, dup = gate s dy"};

/// A pointer to element i of a tensor.
void* element(const Tensor& x, int64_t i) {
  return static_cast<uint8_t*>(x.data()) + static_cast<size_t>(i) * size_of(x.dtype());
}

struct SwigluNode final : Node {
  Saved x;
  explicit SwigluNode(const Tensor& input) : x(input) {}
  const OpInfo& info() const override { return swiglu_info; }
  std::vector<SavedField> saved() const override { return {{"x", &x}}; }
  void backward(const Tensor& dy, Grads& grads) override {
    const int64_t F = dy.cols();
    const auto [dx, write] = grads.at(0);
    run(dy.device(), SwigluBackward{dy.dtype(), dy.rows(), F, 2 * F, x->data(), element(*x, F), dy.data(),
                                    dx.data(), write, element(dx, F), write});
  }
};

void require_floats(const OpInfo& info, const char* name, const Tensor& x) {
  require(x.is_contiguous(), info.name, ": ", name, " of shape ", x.shape(),
          " is a view; call contiguous() first");
  require(x.dtype() == DType::f32 || x.dtype() == DType::f64 || x.dtype() == DType::bf16, info.name, ": ",
          name, " is ", name_of(x.dtype()), "; expected f32, f64 or bf16");
}

}  // namespace

Tensor activation(Activation kind, const Tensor& x) {
  if (kind == Activation::none) return x;
  const InOp op(info_of(kind));
  require_floats(info_of(kind), "x", x);
  if (Unfold::on() && kind == Activation::silu) return silu_composed(x);
  if (Unfold::on() && kind == Activation::gelu_tanh) return gelu_tanh_composed(x);
  Tensor y = x.like();
  run(x.device(), ActivationForward{kind, x.dtype(), x.numel(), x.data(), y.data()});
  return record(y, {x}, ActivationNode(kind, x));
}

// y = f(gate) up with f = silu: by the product rule, dgate = f'(gate) up dy and dup = f(gate) dy.
Tensor swiglu(const Tensor& x) {
  const InOp op(swiglu_info);
  require_floats(swiglu_info, "x", x);
  require(x.rank() > 0 && x.dim(-1) > 0 && x.dim(-1) % 2 == 0, "swiglu: x is ", x.shape(),
          "; its last dimension must hold gate and up, both of the same length");
  const int64_t F = x.dim(-1) / 2;
  if (Unfold::on()) return swiglu_composed(contiguous(slice(x, -1, 0, F)), contiguous(slice(x, -1, F, F)));
  Tensor y = x.like(x.shape().with(x.rank() - 1, F));
  run(x.device(), SwigluForward{x.dtype(), x.rows(), F, 2 * F, x.data(), element(x, F), y.data()});
  return record(y, {x}, SwigluNode(x));
}

Tensor swiglu_composed(const Tensor& gate, const Tensor& up) { return mul(silu_composed(gate), up); }

Tensor silu_composed(const Tensor& x) { return mul(x, sigmoid(x)); }

Tensor gelu_tanh_composed(const Tensor& x) {
  const Tensor cube = mul(mul(x, x), x);
  const Tensor u = scale(add(x, scale(cube, 0.044715)), std::sqrt(2 * std::numbers::inv_pi));
  return mul(x, scale(add_scalar(tanh(u), 1), 0.5));
}

}  // namespace hewn
