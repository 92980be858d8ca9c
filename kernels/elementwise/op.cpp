#include "kernels/elementwise/op.h"

#include "kernels/contract/contract.h"
#include "kernels/copy/abi.h"
#include "kernels/elementwise/abi.h"
#include "kernels/reduce/op.h"

namespace hewn {
namespace {

constexpr OpInfo unary_infos[] = {
    {"scale", "y = c x", "dx = c dy"},
    {"add_scalar", "y = x + c", "dx = dy"},
    {"exp", "y = exp x", "dx = y dy"},
    {"log", "y = ln x", "dx = dy / x"},
    {"sqrt", "y = sqrt x", "dx = dy / (2 y)"},
    {"tanh", "y = tanh x", "dx = (1 - y^2) dy"},
    {"sigmoid", "y = 1 / (1 + exp(-x))", "dx = y (1 - y) dy"},
};
const OpInfo& info_of(UnaryOp op) { return unary_infos[static_cast<size_t>(op)]; }

constexpr OpInfo binary_infos[] = {
    {"add", "y = a + b", "da = dy, db = dy (summed over broadcast dimensions)"},
    {"sub", "y = a - b", "da = dy, db = -dy"},
    {"mul", "y = a b", "da = b dy, db = a dy"},
    {"div", "y = a / b", "da = dy / b, db = -y dy / b"},
};
const OpInfo& info_of(BinaryOp op) { return binary_infos[static_cast<size_t>(op)]; }

/// Sums over broadcast dimensions exist for f32 and f64 only.
void check(const OpInfo& info, const Tensor& x, bool bf16_too) {
  require(x.is_contiguous(), info.name, ": an operand of shape ", x.shape(),
          " is a view; call contiguous() first");
  require(x.dtype() == DType::f32 || x.dtype() == DType::f64 || (bf16_too && x.dtype() == DType::bf16),
          info.name, ": an operand is ", name_of(x.dtype()), "; expected f32 or f64",
          bf16_too ? ", or bf16" : "");
}

void run_unary(UnaryOp op, const Tensor& x, double c, const Tensor& y, Write to_y) {
  run(x.device(), UnaryForward{op, x.dtype(), x.numel(), c, x.data(), y.data(), to_y});
}

struct UnaryNode final : Node {
  UnaryOp op;
  double c;
  Saved kept;  ///< x for log, undefined for scale and add_scalar, else y
  UnaryNode(UnaryOp o, double constant, const Tensor& x, const Tensor& y) : op(o), c(constant) {
    if (op == UnaryOp::log) kept = x;
    if (op > UnaryOp::log || op == UnaryOp::exp) kept = y;
  }
  const OpInfo& info() const override { return info_of(op); }
  std::vector<SavedField> saved() const override {
    if (!kept.defined()) return {};
    return {{op == UnaryOp::log ? "x" : "y", &kept}};
  }
  void backward(const Tensor& dy, Grads& grads) override {
    if (op == UnaryOp::add_scalar) return grads.give(0, dy);
    const auto [dx, write] = grads.at(0);
    if (op == UnaryOp::scale) return run_unary(op, dy, c, dx, write);
    run(dy.device(), UnaryBackward{op, dy.dtype(), dy.numel(), kept->data(), dy.data(), dx.data(), write});
  }
};

Tensor unary(UnaryOp op, const Tensor& x, double c = 0) {
  const InOp name(info_of(op));
  check(info_of(op), x, true);
  Tensor y = x.like();
  run_unary(op, x, c, y, Write::set);
  return record(y, {x}, UnaryNode(op, c, x, y));
}

/// Stride of an operand in dimension i of the shape that it is broadcast to.
int64_t stretched_stride(const Tensor& operand, const Shape& shape, int i) {
  const int own = i - (shape.rank() - operand.rank());
  return own < 0 || operand.dim(own) == 1 ? 0 : operand.stride(own);
}

/// y (set or add) a op b, broadcast to y's shape.
void run_binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y, Write to_y) {
  Binary args{op, y.dtype(), b.dtype(), 0, {}, {}, {}, a.data(), b.data(), y.data(), to_y};
  for (int i = 0; i < y.rank(); ++i)
    append_dimension<&Binary::a_stride, &Binary::b_stride>(args, y.dim(i), stretched_stride(a, y.shape(), i),
                                                           stretched_stride(b, y.shape(), i));
  if (args.rank == 0) args.shape[args.rank++] = 1;
  run(y.device(), args);
}

struct BinaryNode final : Node {
  BinaryOp op;
  Saved a, b, y;  ///< mul: a and b; div: b and y; add and sub: none
  Shape a_shape, b_shape;
  BinaryNode(BinaryOp o, const Tensor& left, const Tensor& right, const Tensor& out)
      : op(o), a_shape(left.shape()), b_shape(right.shape()) {
    if (op == BinaryOp::mul) a = left;
    if (op == BinaryOp::mul || op == BinaryOp::div) b = right;
    if (op == BinaryOp::div) y = out;
  }
  const OpInfo& info() const override { return info_of(op); }
  std::vector<SavedField> saved() const override {
    if (op == BinaryOp::mul) return {{"a", &a}, {"b", &b}};
    if (op == BinaryOp::div) return {{"b", &b}, {"y", &y}};
    return {};
  }

  void backward(const Tensor& dy, Grads& grads) override {
    if (grads.wants(0)) {
      if (op == BinaryOp::add || op == BinaryOp::sub) pass(dy, 1, grads, 0, a_shape);
      if (op == BinaryOp::mul) combine(BinaryOp::mul, dy, *b, grads, 0, a_shape);
      if (op == BinaryOp::div) combine(BinaryOp::div, dy, *b, grads, 0, a_shape);
    }
    if (grads.wants(1)) {
      if (op == BinaryOp::add) pass(dy, 1, grads, 1, b_shape);
      if (op == BinaryOp::sub) pass(dy, -1, grads, 1, b_shape);
      if (op == BinaryOp::mul) combine(BinaryOp::mul, dy, *a, grads, 1, b_shape);
      if (op == BinaryOp::div) {
        const Tensor product = dy.like(), quotient = dy.like();
        run_binary(BinaryOp::mul, dy, *y, product, Write::set);
        run_binary(BinaryOp::div, product, *b, quotient, Write::set);
        pass(quotient, -1, grads, 1, b_shape);
      }
    }
  }

 private:
  /// The gradient of input i is sign times g, summed over copies.
  static void pass(const Tensor& g, double sign, Grads& grads, size_t i, const Shape& shape) {
    if (shape == g.shape() && sign == 1) return grads.give(i, g);
    const auto [d, write] = grads.at(i);
    if (shape == g.shape()) return run_unary(UnaryOp::scale, g, sign, d, write);
    sum_copies(g, sign, d, write);
  }
  /// The gradient of input i is (dy `how` other), summed over copies.
  static void combine(BinaryOp how, const Tensor& dy, const Tensor& other, Grads& grads, size_t i,
                      const Shape& shape) {
    const auto [d, write] = grads.at(i);
    if (shape == dy.shape()) return run_binary(how, dy, other, d, write);
    const Tensor whole = dy.like();
    run_binary(how, dy, other, whole, Write::set);
    sum_copies(whole, 1, d, write);
  }
};

Tensor binary(BinaryOp op, const Tensor& a, const Tensor& b) {
  const OpInfo& info = info_of(op);
  const InOp name(info);
  const bool same = a.shape() == b.shape();
  check(info, a, same);
  check(info, b, same);
  require(a.dtype() == b.dtype(), info.name, ": operands are ", name_of(a.dtype()), " and ",
          name_of(b.dtype()), "; expected the same dtype; cast one of them");
  const Doing step(info.name, " of shapes ", a.shape(), " and ", b.shape());
  Tensor y = a.like(broadcast(a.shape(), b.shape()));
  run_binary(op, a, b, y, Write::set);
  return record(y, {a, b}, BinaryNode(op, a, b, y));
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) { return binary(BinaryOp::add, a, b); }
Tensor sub(const Tensor& a, const Tensor& b) { return binary(BinaryOp::sub, a, b); }
Tensor mul(const Tensor& a, const Tensor& b) { return binary(BinaryOp::mul, a, b); }
Tensor div(const Tensor& a, const Tensor& b) { return binary(BinaryOp::div, a, b); }

Tensor scale(const Tensor& x, double c) { return unary(UnaryOp::scale, x, c); }
Tensor add_scalar(const Tensor& x, double c) { return unary(UnaryOp::add_scalar, x, c); }
Tensor neg(const Tensor& x) { return scale(x, -1); }

Tensor exp(const Tensor& x) { return unary(UnaryOp::exp, x); }
Tensor log(const Tensor& x) { return unary(UnaryOp::log, x); }
Tensor sqrt(const Tensor& x) { return unary(UnaryOp::sqrt, x); }
Tensor tanh(const Tensor& x) { return unary(UnaryOp::tanh, x); }
Tensor sigmoid(const Tensor& x) { return unary(UnaryOp::sigmoid, x); }

}  // namespace hewn
