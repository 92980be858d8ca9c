// Computes a small function of two matrices, its gradients on the tape, and the same gradients by finite
// differences. docs/backprop.md follows the numbers by hand.
#include <iostream>

#include "core/gradcheck.h"
#include "core/tape.h"
#include "kernels/devices/devices.h"
#include "kernels/elementwise/op.h"
#include "kernels/matmul/op.h"
#include "kernels/reduce/op.h"

using namespace hewn;

namespace {

std::ostream& operator<<(std::ostream& out, const Tensor& t) {
  out << "[";
  for (const double v : t.doubles()) out << " " << v;
  return out << " ]";
}

/// Prints the nodes that a tape records and the gradients that its backward pass passes between them.
struct Narrator final : TapeObserver {
  void recorded(const Node& node, const Tensor& y) override {
    std::cout << "node " << node.id << ", " << node.info().name << ": y = " << y << "\n";
  }
  void before_backward(const Node& node, const Tensor& dy) override {
    std::cout << "backward of node " << node.id << ", " << node.info().name << ": dy = " << dy << "\n";
  }
  void after_backward(const Node&, size_t input, const Tensor& grad, Contribution) override {
    std::cout << "  gradient of input " << input << " so far: " << grad << "\n";
  }
};

Tensor sum_of_squares(const Tensor& x, const Tensor& w) {
  const Tensor z = matmul(x, w);
  return sum(mul(z, z));
}

}  // namespace

int main() {
  Tensor x = Tensor::from(cpu(), std::vector<double>{1, 2}, {1, 2});
  Tensor w = Tensor::from(cpu(), std::vector<double>{1, -1, 0.5, 2}, {2, 2});
  const GradcheckResult check =
      gradcheck([](const std::vector<Tensor>& in) { return sum_of_squares(in[0], in[1]); }, {x, w});
  require_grad(x, "x");
  require_grad(w, "w");
  w.variable()->hooks.push_back({[](const Tensor& dw) { std::cout << "w is complete: " << dw << "\n"; }});

  Narrator narrator;
  for (TapeObserver* observer :
       {static_cast<TapeObserver*>(&narrator), static_cast<TapeObserver*>(nullptr)}) {
    Tape tape;
    tape.observe(observer);
    tape.backward(sum_of_squares(x, w));
  }
  std::cout << "dx of both passes: " << grad_of(x) << "\n";
  std::cout << "equals finite differences within 1e-9: " << (check.below(1e-9) ? "yes" : "no") << "\n";
}
