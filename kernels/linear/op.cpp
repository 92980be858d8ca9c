#include "kernels/linear/op.h"

#include "kernels/activation/op.h"
#include "kernels/contract/contract.h"
#include "kernels/contract/unfold.h"
#include "kernels/copy/op.h"
#include "kernels/dropout/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/linear/low_rank_pass.h"
#include "kernels/matmul/op.h"
#include "kernels/reduce/op.h"

namespace hewn {
namespace {

constexpr OpInfo linear_info{
    "linear", "y = residual + x W + b (+ s d(x) A^T B), or z = x W + b (...) and f(z)",
    "dx = dy W^T (+ d(v A)), dW = x^T dy, db = sum over rows of dy, dresidual = dy; "
    "v = s dy B^T, dA = v^T d(x), dB = s A d(x)^T dy; behind an activation, with x = f(z): "
    "dz = f'(z) dx"};

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
  if (options.low_rank.defined()) check_low_rank(options.low_rank, x.cols(), out, t, h.defined());
  require(!options.bf16_result || h.defined(), "linear: a bf16 result requires a bf16 copy of the weight");
  const DType of_y = options.bf16_result ? DType::bf16 : t;
  const Tensor& r = options.residual;
  require(!r.defined() || (r.shape() == x.shape().with(-1, out) && r.dtype() == of_y && r.is_contiguous()),
          "linear: the residual is ", r.defined() ? name_of(r.dtype()) : "", " ",
          r.defined() ? r.shape() : Shape{}, "; expected ", name_of(of_y), " ", x.shape().with(-1, out));
}

/// The inputs of a node, in this order.
enum Input : size_t { of_x, of_weight, of_bias, of_residual, of_a, of_b };

struct LinearNode final : Node {
  Saved x;       // as multiplied: f32, f64 or bf16; only if the gradient of W or A needs it
  Saved weight;  // likewise
  Saved z;       // if x = f(z)
  Activation kind;
  Layout layout;
  SavedLowRank low_rank;
  LinearNode(const Tensor& input, const Tensor& w, const Tensor& before, Activation f, Layout l,
             SavedLowRank change)
      : x(input), weight(w), z(before), kind(f), layout(l), low_rank(std::move(change)) {}
  const OpInfo& info() const override { return linear_info; }
  std::vector<SavedField> saved() const override {
    std::vector<SavedField> fields;
    for (const SavedField& field :
         {SavedField{"x", &x}, SavedField{"weight", &weight}, SavedField{"z", &z},
          SavedField{"A", &low_rank.a}, SavedField{"B", &low_rank.b}, SavedField{"u", &low_rank.u}})
      if (field.value->defined()) fields.push_back(field);
    return fields;
  }

  void backward(const Tensor& dy, Grads& grads) override {
    if (grads.wants(of_residual)) grads.give(of_residual, dy);
    const bool changes = low_rank.defined() && (grads.wants(of_x) || grads.wants(of_a) || grads.wants(of_b));
    if (!grads.wants(of_x) && !grads.wants(of_weight) && !grads.wants(of_bias) && !changes) return;
    const Tensor factor = as_type(as_rows(dy), weight->dtype());
    const Tensor v = changes ? low_rank.reduced_gradient(factor) : Tensor();
    if (grads.wants(of_x)) gradient_of_input(factor, v, grads.at(of_x));
    if (changes && grads.wants(of_a)) low_rank.gradient_of_a(v, as_rows(*x), grads.at(of_a));
    if (changes && grads.wants(of_b)) low_rank.gradient_of_b(factor, grads.at(of_b));
    if (sums_with_product(grads)) return weight_and_bias(factor, grads);
    if (grads.wants(of_weight)) {
      const auto [dw, write] = grads.at(of_weight);
      if (in_out())
        multiply(as_rows(*x).transposed(0, 1), factor, dw, write);
      else
        multiply(factor.transposed(0, 1), as_rows(*x), dw, write);
    }
    if (grads.wants(of_bias)) {
      const auto [db, write] = grads.at(of_bias);
      sum_copies(as_rows(dy), 1, db, write);
    }
  }

 private:
  bool in_out() const { return layout == Layout::in_out; }
  bool on_a_gpu() const { return on_gpu(executor(weight->device()).isa()); }
  /// W^T
  Tensor of_input() const { return in_out() ? weight->transposed(0, 1) : *weight; }

  /// dx (set or add) dy W^T + d(v A); with x = f(z), dz likewise.
  void gradient_of_input(const Tensor& dy, const Tensor& v, const Grads::Target& dx) const {
    if (z.defined()) return before_activation(dy, v, dx.tensor, dx.write);
    multiply(dy, of_input(), as_rows(dx.tensor), dx.write);
    if (v.defined()) low_rank.add_to_input(v, as_rows(dx.tensor));
  }

  /// dz (set or add) f'(z) (dy W^T + d(v A))
  void before_activation(const Tensor& dy, const Tensor& v, const Tensor& dz, Write write) const {
    if (dz.numel() == 0) return;
    if (on_a_gpu() && write == Write::set && !v.defined()) {
      Matmul m = product_of(dy, of_input(), as_rows(dz), write);
      m.epilogue.activation = kind, m.epilogue.slope_at = z->data();
      return run_product(dz.device(), m);
    }
    const Tensor dx = write == Write::set ? dz : dz.like();
    multiply(dy, of_input(), as_rows(dx), Write::set);
    if (v.defined()) low_rank.add_to_input(v, as_rows(dx));
    run(dz.device(),
        ActivationBackward{kind, dz.dtype(), dz.numel(), z->data(), dx.data(), dz.data(), write});
  }

  /// Whether the product for the weight's gradient also sums the bias's: on GPUs, where it reads dy from memory anyway.
  bool sums_with_product(const Grads& grads) const {
    return on_a_gpu() && weight->dtype() == DType::bf16 && in_out() && grads.wants(of_weight) &&
           grads.wants(of_bias);
  }
  void weight_and_bias(const Tensor& dy, Grads& grads) const {
    const auto [dw, write] = grads.at(of_weight);
    const auto [db, write_b] = grads.at(of_bias);
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

/// A layer's inputs as multiplied, and what its backward pass will need.
struct Pass {
  const LinearOptions& options;
  const Tensor& factor;  // W
  Tensor rows;           // x
  Tensor u;              // d(x) A^T

  Pass(const Tensor& x, const Tensor& weight, const LinearOptions& o)
      : options(o), factor(factor_of(weight, o)), rows(as_type(x, factor.dtype())) {
    if (o.low_rank.defined()) u = reduced(o.low_rank, as_rows(rows));
  }
  /// The node of a layer with this weight; if x = f(z), with z and f.
  LinearNode node(const Tensor& weight, const Tensor& z = {}, Activation f = Activation::none) const {
    const bool keeps = weight.requires_grad() || (u.defined() && options.low_rank.a.requires_grad());
    return {keeps ? rows : Tensor(),
            factor,
            z,
            f,
            options.layout,
            u.defined() ? SavedLowRank(options.low_rank, u) : SavedLowRank()};
  }
};

/// y = residual + x W + b + s u B
Tensor forward(const Pass& pass, const Tensor& bias) {
  const Tensor y = product(pass.rows, pass.factor, bias, pass.options);
  if (pass.u.defined()) add_expanded(pass.options.low_rank, pass.u, as_rows(y));
  return y;
}

}  // namespace

// y_rj contains x_ri W_ij, so dx = dy W^T and dW = x^T dy; b_j is in every row, so db_j = sum_r dy_rj. The low-rank
// change is two such layers: with u = d(x) A^T, y gains s u B, so du = v = s dy B^T, dB = s u^T dy, dA = v^T d(x).
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const LinearOptions& options) {
  const InOp op(linear_info);
  check(x, weight, bias, options);
  if (Unfold::on()) return linear_composed(x, weight, bias, options);
  const Pass pass(x, weight, options);
  return record(forward(pass, bias),
                {x, weight, bias, options.residual, options.low_rank.a, options.low_rank.b},
                pass.node(weight));
}

Activated linear_activated(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation f,
                           const LinearOptions& options) {
  const InOp op(linear_info);
  check(x, weight, bias, options);
  require(!options.residual.defined(), "linear: a residual cannot be added together with an activation");
  if (Unfold::on()) {
    const Tensor z = linear_composed(x, weight, bias, options);
    return {f, z, activation(f, z)};
  }
  const Pass pass(x, weight, options);
  const LowRank& change = options.low_rank;
  const bool keeps = recording({x, weight, bias, change.a, change.b});
  Tensor z, value;
  if (change.defined()) {  // the product's epilogue cannot apply f before the change is added
    z = forward(pass, bias);
    value = z.like();
    run(z.device(), ActivationForward{f, z.dtype(), z.numel(), z.data(), value.data()});
    if (!keeps) z = {};
  } else {
    if (keeps)
      z = Tensor::empty(x.device(), options.bf16_result ? DType::bf16 : weight.dtype(),
                        x.shape().with(-1, weight.dim(options.layout == Layout::in_out ? 1 : 0)));
    value = product(pass.rows, pass.factor, bias, options, f, z);
  }
  if (keeps) z = record(z, {x, weight, bias, {}, change.a, change.b}, pass.node(weight));
  return {f, z, value};
}

// With x = f(z): dz = f'(z) dx.
Tensor linear(const Activated& x, const Tensor& weight, const Tensor& bias, const LinearOptions& options) {
  const InOp op(linear_info);
  check(x.value, weight, bias, options);
  if (Unfold::on()) return linear_composed(x.value, weight, bias, options);
  const Pass pass(x.value, weight, options);
  return record(forward(pass, bias),
                {x.z, weight, bias, options.residual, options.low_rank.a, options.low_rank.b},
                pass.node(weight, x.z, x.kind));
}

Tensor linear_composed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const LinearOptions& options) {
  Tensor y = matmul(x, weight, false, options.layout == Layout::out_in);
  if (bias.defined()) y = add(y, bias);
  if (const LowRank& change = options.low_rank; change.defined()) {
    const auto* state = static_cast<const StepState*>(change.drops() ? change.step_state.data() : nullptr);
    const Tensor dropped = change.drops() ? dropout(x, change.dropout, change.site, state) : x;
    y = add(y, scale(matmul(matmul(dropped, change.a, false, true), change.b), change.scale));
  }
  return options.residual.defined() ? add(options.residual, y) : y;
}

}  // namespace hewn
