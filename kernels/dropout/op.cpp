#include "kernels/dropout/op.h"

#include "kernels/contract/contract.h"
#include "kernels/dropout/abi.h"

namespace hewn {
namespace {

constexpr OpInfo dropout_info{"dropout", "y_i = k_i x_i / (1 - p), k_i = 1 with probability 1 - p, else 0",
                              "dx_i = k_i dy_i / (1 - p)"};

struct DropoutNode final : Node {
  double p;
  uint32_t site;
  const StepState* state;
  DropoutNode(double probability, uint32_t s, const StepState* st) : p(probability), site(s), state(st) {}
  const OpInfo& info() const override { return dropout_info; }
  void backward(const Tensor& dy, Grads& grads) override {
    const auto [dx, write] = grads.at(0);
    run(dy.device(), Dropout{dy.dtype(), dy.numel(), p, site, state, dy.data(), dx.data(), write});
  }
};

}  // namespace

Tensor dropout(const Tensor& x, double p, uint32_t site, const StepState* state) {
  require(p >= 0 && p < 1, "dropout: p = ", p, "; expected a probability from 0 to less than 1");
  if (p == 0) return x;
  const InOp op(dropout_info);
  require(x.is_contiguous(), "dropout: x of shape ", x.shape(), " is a view; call contiguous() first");
  require(x.dtype() == DType::f32 || x.dtype() == DType::f64 || x.dtype() == DType::bf16, "dropout: x is ",
          name_of(x.dtype()), "; expected f32, f64 or bf16");
  require(state != nullptr, "dropout: requires a StepState, which holds the seed");
  const Tensor y = x.like();
  run(x.device(), Dropout{x.dtype(), x.numel(), p, site, state, x.data(), y.data(), Write::set});
  return record(y, {x}, DropoutNode(p, site, state));
}

}  // namespace hewn
