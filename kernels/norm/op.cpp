#include "kernels/norm/op.h"

#include "kernels/contract/contract.h"
#include "kernels/contract/unfold.h"
#include "kernels/copy/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/norm/abi.h"
#include "kernels/reduce/op.h"

namespace hewn {
namespace {

constexpr OpInfo layernorm_info{"layernorm", "y = n weight + bias, n = (x - mean x) / sqrt(var x + eps)",
                                "dx = rstd (g - mean g - n mean(g n)), g = dy weight; dweight = sum dy n; "
                                "dbias = sum dy"};
constexpr OpInfo rmsnorm_info{"rmsnorm", "y = n weight, n = x / sqrt(mean(x^2) + eps)",
                              "dx = rstd (g - n mean(g n)), g = dy weight; dweight = sum dy n"};

template <bool centred>
struct NormNode final : Node {
  Saved x, weight, stats;
  NormNode(const Tensor& input, const Tensor& w, const Tensor& row_stats)
      : x(input), weight(w), stats(row_stats) {}
  const OpInfo& info() const override { return centred ? layernorm_info : rmsnorm_info; }
  std::vector<SavedField> saved() const override {
    return {{"x", &x}, {"weight", &weight}, {centred ? "stats" : "rstd", &stats}};
  }
  void backward(const Tensor& dy, Grads& grads) override {
    NormBackward<centred> a{x->dtype(),     dy.dtype(),           dy.rows(), dy.cols(), x->data(),
                            weight->data(), stats->ptr<double>(), dy.data()};
    grads.at(0, a.dx, a.to_dx);
    grads.at(1, a.dweight, a.to_dweight);
    if (centred) grads.at(2, a.dbias, a.to_dbias);
    run(dy.device(), a);
  }
};

void check_affine(const char* op, const char* name, const Tensor& t, const Tensor& x) {
  const DType expected = norm_parameter_type(x.dtype());
  require(t.dtype() == expected && t.shape() == Shape{x.cols()} && t.is_contiguous(), op, ": ", name, " is ",
          name_of(t.dtype()), " ", t.shape(), "; expected ", name_of(expected), " [", x.cols(), "] for x of ",
          name_of(x.dtype()), " ", x.shape());
}

void check(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, DType to) {
  const DType from = x.dtype();
  require(x.cols() > 0 && x.is_contiguous(), op, ": x is ", x.shape(),
          "; expected contiguous rows of at least one element");
  require(from == DType::f32 || from == DType::f64 || from == DType::bf16, op, ": x is ", name_of(from),
          "; expected f32, f64 or bf16");
  require(to == from || (from == DType::f32 && to == DType::bf16), op, ": y_dtype is ", name_of(to),
          " for x of ", name_of(from), "; expected ", name_of(from), from == DType::f32 ? " or bf16" : "");
  require(eps > 0, op, ": eps is ", eps, "; expected more than 0");
  check_affine(op, "weight", weight, x);
  if (bias.defined()) check_affine(op, "bias", bias, x);
}

template <bool centred>
Tensor norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, DType to) {
  Tensor y = Tensor::empty(x.device(), to, x.shape());
  const Tensor stats = Tensor::empty(x.device(), DType::f64, centred ? Shape{x.rows(), 2} : Shape{x.rows()});
  run(x.device(),
      NormForward<centred>{x.dtype(), to, x.rows(), x.cols(), eps, x.data(), weight.data(),
                           bias.defined() ? bias.data() : nullptr, y.data(), stats.ptr<double>()});
  NormNode<centred> node(x, weight, stats);
  return centred ? record(y, {x, weight, bias}, std::move(node)) : record(y, {x, weight}, std::move(node));
}

}  // namespace

// With n = (x - mean) rstd, dn_j/dx_i = rstd ([i = j] - 1/C - n_i n_j / C): the two means in dx remove the
// components along which shifting and scaling the whole row leave n unchanged.
Tensor layernorm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                 std::optional<DType> y_dtype) {
  const InOp op(layernorm_info);
  const DType to = y_dtype.value_or(x.dtype());
  check(layernorm_info.name, x, weight, bias, eps, to);
  return Unfold::on() ? layernorm_composed(x, weight, bias, eps) : norm<true>(x, weight, bias, eps, to);
}

// With n = x rstd, dn_j/dx_i = rstd ([i = j] - n_i n_j / C): the mean in dx removes the component along which
// scaling the whole row leaves n unchanged.
Tensor rmsnorm(const Tensor& x, const Tensor& weight, double eps, std::optional<DType> y_dtype) {
  const InOp op(rmsnorm_info);
  const DType to = y_dtype.value_or(x.dtype());
  check(rmsnorm_info.name, x, weight, {}, eps, to);
  return Unfold::on() ? rmsnorm_composed(x, weight, eps) : norm<false>(x, weight, {}, eps, to);
}

Tensor layernorm_composed(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  const Tensor centred = sub(x, as_column(mean(x, -1)));
  const Tensor y = rmsnorm_composed(centred, weight, eps);
  return bias.defined() ? add(y, bias) : y;
}

Tensor rmsnorm_composed(const Tensor& x, const Tensor& weight, double eps) {
  const Tensor mean_square = mean(mul(x, x), -1);
  return mul(div(x, as_column(sqrt(add_scalar(mean_square, eps)))), weight);
}

}  // namespace hewn
