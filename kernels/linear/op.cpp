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

constexpr OpInfo linear_info{
    "linear", "y = residual + f(z), z = x W + b",
    "dz = f'(z) dy, dx = dz W^T, dW = x^T dz, db = sum over rows of dz, dresidual = dy"};

/// Merges all leading dimensions into one.
Tensor as_rows(const Tensor& t) { return t.viewed({t.rows(), t.cols()}); }

void check(const Tensor& x, const Tensor& weight, const Tensor& bias, const LinearOptions& options) {
  const bool in_out = options.layout == Layout::in_out;
  const bool bf16_x = x.dtype() == DType::bf16 && options.weight_bf16.defined();
  const DType t = bf16_x ? DType::f32 : x.dtype();  // of weight, bias and residual
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
  const Tensor& r = options.residual;
  require(!r.defined() || (r.shape() == x.shape().with(-1, out) && r.dtype() == t && r.is_contiguous()),
          "linear: the residual has shape ", r.defined() ? r.shape() : Shape{}, "; expected ",
          x.shape().with(-1, out));
  require(!options.bf16_result || (h.defined() && !r.defined() && options.activation == Activation::none),
          "linear: a bf16 result requires a bf16 copy of the weight, and neither activation nor residual");
}

struct LinearNode final : Node {
  Saved x, weight, z;  // as multiplied, f32 or bf16; z only with an activation
  Layout layout;
  Activation kind;
  LinearNode(const Tensor& input, const Tensor& w, const Tensor& before, const LinearOptions& options)
      : x(input), weight(w), z(before), layout(options.layout), kind(options.activation) {}
  const OpInfo& info() const override { return linear_info; }
  std::vector<SavedField> saved() const override {
    if (!z.defined()) return {{"x", &x}, {"weight", &weight}};
    return {{"x", &x}, {"weight", &weight}, {"z", &z}};
  }

  void backward(const Tensor& dy, Grads& grads) override {
    if (grads.wants(3)) grads.give(3, dy);
    if (!grads.wants(0) && !grads.wants(1) && !grads.wants(2)) return;  // z was not kept either
    const Tensor dz = as_rows(kind == Activation::none ? dy : before_activation(dy));
    const Tensor factor = as_type(dz, weight->dtype());
    const bool in_out = layout == Layout::in_out;
    if (grads.wants(0)) {
      const auto [dx, write] = grads.at(0);
      multiply(factor, in_out ? weight->transposed(0, 1) : *weight, as_rows(dx), write);
    }
    if (grads.wants(1)) {
      const auto [dw, write] = grads.at(1);
      const Tensor rows = as_rows(*x);
      if (in_out)
        multiply(rows.transposed(0, 1), factor, dw, write);
      else
        multiply(factor.transposed(0, 1), rows, dw, write);
    }
    if (grads.wants(2)) {
      const auto [db, write] = grads.at(2);
      sum_copies(as_type(dz, db.dtype()), 1, db, write);
    }
  }

 private:
  Tensor before_activation(const Tensor& dy) const {
    Tensor dz = dy.like();
    run(dy.device(),
        ActivationBackward{kind, dy.dtype(), dy.numel(), z->data(), dy.data(), dz.data(), Write::set});
    return dz;
  }
};

}  // namespace

// With z = x W + b: dz_ri = f'(z_ri) dy_ri; z_rj contains x_ri W_ij, so dx = dz W^T and dW = x^T dz; b_j is
// in every row, so db_j = sum_r dz_rj.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const LinearOptions& options) {
  const InOp op(linear_info);
  check(x, weight, bias, options);
  const bool in_out = options.layout == Layout::in_out;
  const int64_t out = weight.dim(in_out ? 1 : 0);
  Tensor y =
      Tensor::empty(x.device(), options.bf16_result ? DType::bf16 : weight.dtype(), x.shape().with(-1, out));
  Tensor z;
  if (options.activation != Activation::none && recording({x, weight, bias})) z = y.like();
  const Tensor& factor = options.weight_bf16.defined() ? options.weight_bf16 : weight;
  const Tensor rows = as_type(x, factor.dtype());
  Matmul m{};
  m.dtype = rows.dtype();
  m.M = y.rows(), m.N = out, m.K = x.cols();
  m.trans_b = !in_out;
  m.a = rows.data(), m.lda = x.cols();
  m.b = factor.data(), m.ldb = factor.cols();
  m.c = y.data(), m.ldc = out;
  m.epilogue = {.bias = bias.defined() ? bias.data() : nullptr,
                .pre = z.defined() ? z.data() : nullptr,
                .activation = options.activation,
                .residual = options.residual.defined() ? options.residual.data() : nullptr};
  m.bf16_c = options.bf16_result;
  if (y.numel() > 0) run_product(x.device(), m);
  return record(y, {x, weight, bias, options.residual}, LinearNode(rows, factor, z, options));
}

Tensor linear_composed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const LinearOptions& options) {
  Tensor y = matmul(x, weight, false, options.layout == Layout::out_in);
  if (bias.defined()) y = add(y, bias);
  y = activation(options.activation, y);
  return options.residual.defined() ? add(options.residual, y) : y;
}

}  // namespace hewn
