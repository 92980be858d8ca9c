#include "core/recompute.h"

#include <utility>

namespace hewn {
namespace {

constexpr OpInfo recompute_info{"recompute", "y = f(x)", "dx = dy df/dx, with f(x) recomputed"};

struct RecomputeNode final : Node {
  Saved x;
  std::function<Tensor(const Tensor&)> f;

  RecomputeNode(const Tensor& input, std::function<Tensor(const Tensor&)> function)
      : x(input), f(std::move(function)) {}
  const OpInfo& info() const override { return recompute_info; }
  std::vector<SavedField> saved() const override { return {{"x", &x}}; }

  void backward(const Tensor& dy, Grads& grads) override {
    Tensor input = x->detached();
    require_grad(input);
    const WithGrad within;
    Tape tape;
    if (grads.observer()) tape.observe(grads.observer()->inside(*this));
    const Tensor y = f(input);
    tape.backward(y, dy, grads.options());
    grads.give(0, grad_of(input));
  }
};

}  // namespace

Tensor recomputed(const Tensor& x, std::function<Tensor(const Tensor&)> f) {
  if (!recording({x})) return f(x);
  Tensor y;
  {
    const NoGrad none;
    y = f(x);
  }
  return record(std::move(y), {x}, RecomputeNode(x, std::move(f)));
}

}  // namespace hewn
