#include "kernels/rmsnorm/op.h"

#include "kernels/contract/contract.h"
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
    RmsnormBackward a{dy.dtype(),     dy.rows(),           dy.cols(), x->data(),
                      weight->data(), rstd->ptr<double>(), dy.data()};
    if (grads.wants(0)) {
      const auto [dx, write] = grads.at(0);
      a.dx = dx.data();
      a.to_dx = write;
    }
    if (grads.wants(1)) {
      const auto [dweight, write] = grads.at(1);
      a.dweight = dweight.data();
      a.to_dweight = write;
    }
    run(dy.device(), a);
  }
};

void check(const Tensor& x, const Tensor& weight, double eps) {
  require(x.cols() > 0 && x.is_contiguous(), "rmsnorm: x is ", x.shape(),
          "; expected contiguous rows of at least one element");
  require(x.dtype() == DType::f32 || x.dtype() == DType::f64, "rmsnorm: x is ", name_of(x.dtype()),
          "; expected f32 or f64");
  require(eps > 0, "rmsnorm: eps is ", eps, "; expected more than 0");
  require(weight.dtype() == x.dtype() && weight.shape() == Shape{x.cols()} && weight.is_contiguous(),
          "rmsnorm: weight is ", name_of(weight.dtype()), " ", weight.shape(), "; expected ",
          name_of(x.dtype()), " [", x.cols(), "] for x of ", x.shape());
}

}  // namespace

// With n = x rstd, dn_j/dx_i = rstd ([i = j] - n_i n_j / C): the mean in dx removes the component along which
// scaling the whole row leaves n unchanged.
Tensor rmsnorm(const Tensor& x, const Tensor& weight, double eps) {
  const InOp op(rmsnorm_info);
  check(x, weight, eps);
  Tensor y = x.like();
  const Tensor rstd = Tensor::empty(x.device(), DType::f64, {x.rows()});
  run(x.device(), RmsnormForward{x.dtype(), x.rows(), x.cols(), eps, x.data(), weight.data(), y.data(),
                                 rstd.ptr<double>()});
  return record(y, {x, weight}, RmsnormNode(x, weight, rstd));
}

}  // namespace hewn
