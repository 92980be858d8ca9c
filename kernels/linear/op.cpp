#include "kernels/linear/op.h"

#include "kernels/activation/op.h"
#include "kernels/contract/contract.h"
#include "kernels/copy/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/matmul/op.h"
#include "kernels/matmul/run.h"
#include "kernels/reduce/op.h"

namespace hewn {
namespace {

constexpr OpInfo linear_info{"linear", "y = residual + x W + b, or z = x W + b and f(z)",
                             "dx = dy W^T, dW = x^T dy, db = sum over rows of dy, dresidual = dy; behind an "
                             "activation, with x = f(z): "
                             "dz = f'(z) (dy W^T)"};

/// Merges all leading dimensions into one.
Tensor as_rows(const Tensor& t) { return t.viewed({t.rows(), t.cols()}); }

void check(const Tensor& x, const Tensor& weight, const Tensor& bias, const LinearOptions& options) {
  const bool in_out = options.layout == Layout::in_out;
  const bool bf16_x = x.dtype() == DType::bf16 && options.weight_bf16.defined();
  const DType t = bf16_x ? DType::f32 : x.dtype();  // of weight and bias
  require(t == DType::f32 || t == DType::f64, "linear: x is ", name_of(t),
          "; expected f32 or f64, or bf16 with a bf16 copy of the weight");
  require(x.rank() >= 1 && x.is_contiguous(), "linear: x of shape ", x.shape(),
          " is a scalar or a view; expected contiguous rows, so call contiguous() on a view first");
  require(weight.rank() == 2 && weight.is_contiguous() && weight.dtype() == t, "linear: the weight is ",
          name_of(weight.dtype()), " ", weight.shape(), "; expected a contiguous matrix of ", name_of(t));
  require(weight.dim(in_out ? 0 : 1) == x.cols(), "linear: x ", x.shape(), " has rows of ", x.cols(),
          ", the weight ", weight.shape(), (in_out ? " [in, out]" : " [out, in]"), " takes ",
          weight.dim(in_out ? 0 : 1));
  const int64_t out = weight.dim(in_out ? 1 : 0);
  require(!bias.defined() || (bias.shape() == Shape{out} && bias.dtype() == t && bias.is_contiguous()),
          "linear: the bias has shape ", bias.defined() ? bias.shape() : Shape{}, "; expected [", out,
          "] of ", name_of(t));
  const Tensor& h = options.weight_bf16;
  require(!h.defined() || (h.shape() == weight.shape() && h.dtype() == DType::bf16 && h.is_contiguous() &&
                           t == DType::f32),
          "linear: a bf16 copy of the weight ", weight.shape(), " requires f32 operands, not ", name_of(t));
  require(!options.bf16_result || h.defined(), "linear: a bf16 result requires a bf16 copy of the weight");
  const DType of_y = options.bf16_result ? DType::bf16 : t;
  const Tensor& r = options.residual;
  require(!r.defined() || (r.shape() == x.shape().with(-1, out) && r.dtype() == of_y && r.is_contiguous()),
          "linear: the residual is ", r.defined() ? name_of(r.dtype()) : "", " ",
          r.defined() ? r.shape() : Shape{}, "; expected ", name_of(of_y), " ", x.shape().with(-1, out));
}

struct LinearNode final : Node {
  Saved x, weight;  // as multiplied: f32, f64 or bf16
  Saved z;          // if x = f(z)
  Activation kind;
  Layout layout;
  LinearNode(const Tensor& input, const Tensor& w, const Tensor& before, Activation f, Layout l)
      : x(input), weight(w), z(before), kind(f), layout(l) {}
  const OpInfo& info() const override { return linear_info; }
  std::vector<SavedField> saved() const override {
    if (!z.defined()) return {{"x", &x}, {"weight", &weight}};
    return {{"x", &x}, {"weight", &weight}, {"z", &z}};
  }

  void backward(const Tensor& dy, Grads& grads) override {
    if (grads.wants(3)) grads.give(3, dy);
    if (!grads.wants(0) && !grads.wants(1) && !grads.wants(2)) return;
    const Tensor factor = as_type(as_rows(dy), weight->dtype());
    if (grads.wants(0)) {
      const auto [dx, write] = grads.at(0);
      z.defined() ? before_activation(factor, dx, write) : multiply(factor, of_input(), as_rows(dx), write);
    }
    if (sums_with_product(grads)) return weight_and_bias(factor, grads);
    if (grads.wants(1)) {
      const auto [dw, write] = grads.at(1);
      if (in_out())
        multiply(as_rows(*x).transposed(0, 1), factor, dw, write);
      else
        multiply(factor.transposed(0, 1), as_rows(*x), dw, write);
    }
    if (grads.wants(2)) {
      const auto [db, write] = grads.at(2);
      sum_copies(as_rows(dy), 1, db, write);
    }
  }

 private:
  bool in_out() const { return layout == Layout::in_out; }
  bool on_a_gpu() const { return on_gpu(executor(weight->device()).isa()); }
  /// W^T
  Tensor of_input() const { return in_out() ? weight->transposed(0, 1) : *weight; }

  /// dz (set or add) f'(z) (dy W^T)
  void before_activation(const Tensor& dy, const Tensor& dz, Write write) const {
    if (dz.numel() == 0) return;
    if (on_a_gpu() && write == Write::set) {
      Matmul m = product_of(dy, of_input(), as_rows(dz), write);
      m.epilogue.activation = kind, m.epilogue.slope_at = z->data();
      return run_product(dz.device(), m);
    }
    const Tensor dx = write == Write::set ? dz : dz.like();
    multiply(dy, of_input(), as_rows(dx), Write::set);
    run(dz.device(),
        ActivationBackward{kind, dz.dtype(), dz.numel(), z->data(), dx.data(), dz.data(), write});
  }

  /// Whether the product for the weight's gradient also sums the bias's: on GPUs, where it reads dy from memory anyway.
  bool sums_with_product(const Grads& grads) const {
    return on_a_gpu() && weight->dtype() == DType::bf16 && in_out() && grads.wants(1) && grads.wants(2);
  }
  void weight_and_bias(const Tensor& dy, Grads& grads) const {
    const auto [dw, write] = grads.at(1);
    const auto [db, write_b] = grads.at(2);
    Matmul m = product_of(as_rows(*x).transposed(0, 1), dy, dw, write);
    m.b_sums = db.data(), m.to_b_sums = write_b;
    run_product(dw.device(), m);
  }
};

/// residual + x W + b, or f(x W + b) with `before` the value before f, if it is defined.
Tensor product(const Tensor& x, const Tensor& factor, const Tensor& bias, const LinearOptions& options,
               Activation f = Activation::none, const Tensor& before = {}) {
  const bool in_out = options.layout == Layout::in_out;
  const DType type = options.bf16_result             ? DType::bf16
                     : factor.dtype() == DType::bf16 ? DType::f32
                                                     : factor.dtype();
  const Tensor y = Tensor::empty(x.device(), type, x.shape().with(-1, factor.dim(in_out ? 1 : 0)));
  if (y.numel() == 0) return y;
  Matmul m = product_of(as_rows(x), in_out ? factor : factor.transposed(0, 1), as_rows(y), Write::set);
  m.epilogue = {.bias = bias.defined() ? bias.data() : nullptr,
                .pre = before.defined() ? before.data() : nullptr,
                .activation = f,
                .residual = options.residual.defined() ? options.residual.data() : nullptr};
  run_product(x.device(), m);
  return y;
}

const Tensor& factor_of(const Tensor& weight, const LinearOptions& options) {
  return options.weight_bf16.defined() ? options.weight_bf16 : weight;
}

}  // namespace

// y_rj contains x_ri W_ij, so dx = dy W^T and dW = x^T dy; b_j is in every row, so db_j = sum_r dy_rj.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const LinearOptions& options) {
  const InOp op(linear_info);
  check(x, weight, bias, options);
  const Tensor& factor = factor_of(weight, options);
  const Tensor rows = as_type(x, factor.dtype());
  return record(product(rows, factor, bias, options), {x, weight, bias, options.residual},
                LinearNode(rows, factor, {}, Activation::none, options.layout));
}

Activated linear_activated(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation f,
                           const LinearOptions& options) {
  const InOp op(linear_info);
  check(x, weight, bias, options);
  require(!options.residual.defined(), "linear: a residual is added behind an activation");
  const Tensor& factor = factor_of(weight, options);
  const Tensor rows = as_type(x, factor.dtype());
  Tensor z;
  if (recording({x, weight, bias}))
    z = Tensor::empty(x.device(), options.bf16_result ? DType::bf16 : weight.dtype(),
                      x.shape().with(-1, weight.dim(options.layout == Layout::in_out ? 1 : 0)));
  const Tensor value = product(rows, factor, bias, options, f, z);
  if (z.defined())
    z = record(z, {x, weight, bias, {}}, LinearNode(rows, factor, {}, Activation::none, options.layout));
  return {f, z, value};
}

// With x = f(z): dz = f'(z) dx, dx = dy W^T.
Tensor linear(const Activated& x, const Tensor& weight, const Tensor& bias, const LinearOptions& options) {
  const InOp op(linear_info);
  check(x.value, weight, bias, options);
  const Tensor& factor = factor_of(weight, options);
  const Tensor rows = as_type(x.value, factor.dtype());
  return record(product(rows, factor, bias, options), {x.z, weight, bias, options.residual},
                LinearNode(rows, factor, x.z, x.kind, options.layout));
}

Tensor linear_composed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const LinearOptions& options) {
  Tensor y = matmul(x, weight, false, options.layout == Layout::out_in);
  if (bias.defined()) y = add(y, bias);
  return options.residual.defined() ? add(options.residual, y) : y;
}

}  // namespace hewn
