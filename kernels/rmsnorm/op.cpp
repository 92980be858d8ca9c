#include "kernels/rmsnorm/op.h"

#include "kernels/contract/contract.h"
#include "kernels/contract/unfold.h"
#include "kernels/copy/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/norm/types.h"
#include "kernels/reduce/op.h"
#include "kernels/rmsnorm/abi.h"

namespace hewn {
namespace {

constexpr OpInfo rmsnorm_info{"rmsnorm", "y = n weight, n = x / sqrt(mean(x^2) + eps)",
                              "dx = rstd (g - n mean(g n)), g = dy weight; dweight = sum dy n"};

struct RmsnormNode final : Node {
  Saved x, weight, rstd;
  RmsnormNode(const Tensor& input, const Tensor& w, const Tensor& row_rstd)
      : x(input), weight(w), rstd(row_rstd) {}
  const OpInfo& info() const override { return rmsnorm_info; }
  std::vector<SavedField> saved() const override { return {{"x", &x}, {"weight", &weight}, {"rstd", &rstd}}; }
  void backward(const Tensor& dy, Grads& grads) override {
    RmsnormBackward a{x->dtype(), dy.dtype(),     dy.rows(),           dy.cols(),
                      x->data(),  weight->data(), rstd->ptr<double>(), dy.data()};
    grads.at(0, a.dx, a.to_dx);
    grads.at(1, a.dweight, a.to_dweight);
    run(dy.device(), a);
  }
};

void check(const Tensor& x, const Tensor& weight, double eps, DType y_dtype) {
  require(x.cols() > 0 && x.is_contiguous(), "rmsnorm: x is ", x.shape(),
          "; expected contiguous rows of at least one element");
  check_norm_types("rmsnorm", x.dtype(), y_dtype);
  require(eps > 0, "rmsnorm: eps is ", eps, "; expected more than 0");
  const DType expected = norm_parameter_type(x.dtype());
  require(weight.dtype() == expected && weight.shape() == Shape{x.cols()} && weight.is_contiguous(),
          "rmsnorm: weight is ", name_of(weight.dtype()), " ", weight.shape(), "; expected ",
          name_of(expected), " [", x.cols(), "] for x of ", name_of(x.dtype()), " ", x.shape());
}

}  // namespace

// With n = x rstd, dn_j/dx_i = rstd ([i = j] - n_i n_j / C): the mean in dx removes the component along which
// scaling the whole row leaves n unchanged.
Tensor rmsnorm(const Tensor& x, const Tensor& weight, double eps, std::optional<DType> y_dtype) {
  const InOp op(rmsnorm_info);
  const DType to = y_dtype.value_or(x.dtype());
  check(x, weight, eps, to);
  if (Unfold::on()) return rmsnorm_composed(x, weight, eps);
  Tensor y = Tensor::empty(x.device(), to, x.shape());
  const Tensor rstd = Tensor::empty(x.device(), DType::f64, {x.rows()});
  run(x.device(), RmsnormForward{x.dtype(), to, x.rows(), x.cols(), eps, x.data(), weight.data(), y.data(),
                                 rstd.ptr<double>()});
  return record(y, {x, weight}, RmsnormNode(x, weight, rstd));
}

Tensor rmsnorm_composed(const Tensor& x, const Tensor& weight, double eps) {
  const Tensor mean_square = mean(mul(x, x), -1);
  return mul(div(x, as_column(sqrt(add_scalar(mean_square, eps)))), weight);
}

}  // namespace hewn
