#include "kernels/norm/op.h"

#include "kernels/contract/contract.h"
#include "kernels/contract/unfold.h"
#include "kernels/copy/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/norm/abi.h"
#include "kernels/norm/types.h"
#include "kernels/reduce/op.h"

namespace hewn {
namespace {

constexpr OpInfo layernorm_info{"layernorm", "y = n weight + bias, n = (x - mean x) / sqrt(var x + eps)",
                                "dx = rstd (g - mean g - n mean(g n)), g = dy weight; dweight = sum dy n; "
                                "dbias = sum dy"};

struct LayernormNode final : Node {
  Saved x, weight, stats;
  LayernormNode(const Tensor& input, const Tensor& w, const Tensor& row_stats)
      : x(input), weight(w), stats(row_stats) {}
  const OpInfo& info() const override { return layernorm_info; }
  std::vector<SavedField> saved() const override {
    return {{"x", &x}, {"weight", &weight}, {"stats", &stats}};
  }
  void backward(const Tensor& dy, Grads& grads) override {
    LayernormBackward a{x->dtype(),     dy.dtype(),           dy.rows(), dy.cols(), x->data(),
                        weight->data(), stats->ptr<double>(), dy.data()};
    grads.at(0, a.dx, a.to_dx);
    grads.at(1, a.dweight, a.to_dweight);
    grads.at(2, a.dbias, a.to_dbias);
    run(dy.device(), a);
  }
};

void check_affine(const char* name, const Tensor& t, const Tensor& x) {
  const DType expected = norm_parameter_type(x.dtype());
  require(t.dtype() == expected && t.shape() == Shape{x.cols()} && t.is_contiguous(), "layernorm: ", name,
          " is ", name_of(t.dtype()), " ", t.shape(), "; expected ", name_of(expected), " [", x.cols(),
          "] for x of ", name_of(x.dtype()), " ", x.shape());
}

void check(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, DType y_dtype) {
  require(x.cols() > 0 && x.is_contiguous(), "layernorm: x is ", x.shape(),
          "; expected contiguous rows of at least one element");
  check_norm_types("layernorm", x.dtype(), y_dtype);
  require(eps > 0, "layernorm: eps is ", eps, "; expected more than 0");
  check_affine("weight", weight, x);
  if (bias.defined()) check_affine("bias", bias, x);
}

}  // namespace

// With n = (x - mean) rstd, dn_j/dx_i = rstd ([i = j] - 1/C - n_i n_j / C): the two means in dx remove the
// components along which shifting and scaling the whole row leave n unchanged.
Tensor layernorm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                 std::optional<DType> y_dtype) {
  const InOp op(layernorm_info);
  const DType to = y_dtype.value_or(x.dtype());
  check(x, weight, bias, eps, to);
  if (Unfold::on()) return layernorm_composed(x, weight, bias, eps);
  Tensor y = Tensor::empty(x.device(), to, x.shape());
  const Tensor stats = Tensor::empty(x.device(), DType::f64, {x.rows(), 2});
  run(x.device(), LayernormForward{x.dtype(), to, x.rows(), x.cols(), eps, x.data(), weight.data(),
                                   bias.defined() ? bias.data() : nullptr, y.data(), stats.ptr<double>()});
  return record(y, {x, weight, bias}, LayernormNode(x, weight, stats));
}

Tensor layernorm_composed(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  const Tensor centred = sub(x, as_column(mean(x, -1)));
  const Tensor variance = mean(mul(centred, centred), -1);
  const Tensor y = mul(div(centred, as_column(sqrt(add_scalar(variance, eps)))), weight);
  return bias.defined() ? add(y, bias) : y;
}

}  // namespace hewn
