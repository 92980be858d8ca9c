#include "kernels/reduce/op.h"

#include "kernels/contract/contract.h"
#include "kernels/reduce/abi.h"

namespace hewn {
namespace {

constexpr OpInfo sum_info{"sum", "y = sum_i x_i", "dx_i = dy"};
constexpr OpInfo mean_info{"mean", "y = sum_i x_i / n", "dx_i = dy / n"};
constexpr OpInfo max_info{"max", "y = max_i x_i", "dx_i = dy for the first i with x_i = y, else 0"};

/// A tensor as [outer, n, inner]; a reduction removes n.
struct Layout {
  int64_t outer = 1, n = 1, inner = 1;
};

Layout layout_of_all(const Tensor& x) { return {1, x.numel(), 1}; }

Layout layout_of_dim(const Tensor& x, int dim) {
  Layout l;
  const int axis = x.shape().axis(dim);
  for (int i = 0; i < x.rank(); ++i) (i < axis ? l.outer : i == axis ? l.n : l.inner) *= x.dim(i);
  return l;
}

struct SumNode final : Node {
  const OpInfo* what;
  Layout layout;
  double scale;
  SumNode(const OpInfo& op, const Layout& l, double s) : what(&op), layout(l), scale(s) {}
  const OpInfo& info() const override { return *what; }
  void backward(const Tensor& dy, Grads& grads) override {
    const auto [dx, write] = grads.at(0);
    run(dy.device(),
        Expand{dy.dtype(), layout.outer, layout.n, layout.inner, scale, dy.data(), dx.data(), write});
  }
};

struct MaxNode final : Node {
  Layout layout;
  Saved x, y;
  MaxNode(const Layout& l, const Tensor& input, const Tensor& output) : layout(l), x(input), y(output) {}
  const OpInfo& info() const override { return max_info; }
  std::vector<SavedField> saved() const override { return {{"x", &x}, {"y", &y}}; }
  void backward(const Tensor& dy, Grads& grads) override {
    const auto [dx, write] = grads.at(0);
    run(dy.device(), MaxBackward{dy.dtype(), layout.outer, layout.n, layout.inner, x->data(), y->data(),
                                 dy.data(), dx.data(), write});
  }
};

Tensor reduced(const OpInfo& info, const Tensor& x, const Layout& l, const Shape& shape) {
  const InOp op(info);
  const bool is_max = &info == &max_info, is_mean = &info == &mean_info;
  require(x.is_contiguous(), info.name, ": x of shape ", x.shape(), " is a view; call contiguous() first");
  require(x.dtype() == DType::f32 || x.dtype() == DType::f64, info.name, ": x is ", name_of(x.dtype()),
          "; expected f32 or f64");
  require(l.n > 0 || !(is_max || is_mean), info.name, ": x of shape ", x.shape(),
          " has no elements to reduce");
  const double scale = is_mean ? 1 / static_cast<double>(l.n) : 1;
  Tensor y = x.like(shape);
  run(x.device(), Reduce{is_max ? ReduceOp::max : ReduceOp::sum, x.dtype(), l.outer, l.n, l.inner, scale,
                         x.data(), y.data(), Write::set});
  if (is_max) return record(y, {x}, MaxNode(l, x, y));
  return record(y, {x}, SumNode(info, l, scale));
}

Tensor over_all(const OpInfo& info, const Tensor& x) { return reduced(info, x, layout_of_all(x), Shape{}); }
Tensor over_dim(const OpInfo& info, const Tensor& x, int dim) {
  return reduced(info, x, layout_of_dim(x, dim), x.shape().without(dim));
}

}  // namespace

Tensor sum(const Tensor& x) { return over_all(sum_info, x); }
Tensor mean(const Tensor& x) { return over_all(mean_info, x); }
Tensor max(const Tensor& x) { return over_all(max_info, x); }
Tensor sum(const Tensor& x, int dim) { return over_dim(sum_info, x, dim); }
Tensor mean(const Tensor& x, int dim) { return over_dim(mean_info, x, dim); }
Tensor max(const Tensor& x, int dim) { return over_dim(max_info, x, dim); }

void sum_copies(const Tensor& g, double factor, const Tensor& target, Write to_target) {
  // Adjacent broadcast dimensions are summed together, from the last group to the first.
  const int missing = g.rank() - target.rank();
  const auto stretched = [&](int i) {
    return i < missing || (target.dim(i - missing) == 1 && g.dim(i) != 1);
  };
  int first = 0;
  while (first < g.rank() && !stretched(first)) ++first;
  Tensor from = g;
  int64_t inner = 1;
  for (int i = g.rank() - 1; i >= first;) {
    if (!stretched(i)) {
      inner *= g.dim(i--);
      continue;
    }
    Layout l{1, 1, inner};
    for (; i >= 0 && (stretched(i) || g.dim(i) == 1); --i) l.n *= g.dim(i);
    for (int k = 0; k <= i; ++k) l.outer *= g.dim(k);
    const bool last = i < first;
    const Tensor to = last ? target : target.like(Shape{l.outer, l.inner});
    run(g.device(), Reduce{ReduceOp::sum, from.dtype(), l.outer, l.n, l.inner, last ? factor : 1, from.data(),
                           to.data(), last ? to_target : Write::set});
    from = to;
  }
}

}  // namespace hewn
