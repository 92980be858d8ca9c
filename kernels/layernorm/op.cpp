#include "kernels/layernorm/op.h"

#include "kernels/contract/contract.h"
#include "kernels/layernorm/abi.h"

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
    LayernormBackward a{dy.dtype(),           dy.rows(), dy.cols(), x->data(), weight->data(),
                        stats->ptr<double>(), dy.data()};
    const auto want = [&](size_t input, void*& data, Write& write) {
      if (!grads.wants(input)) return;
      const auto target = grads.at(input);
      data = target.tensor.data();
      write = target.write;
    };
    want(0, a.dx, a.to_dx);
    want(1, a.dweight, a.to_dweight);
    want(2, a.dbias, a.to_dbias);
    run(dy.device(), a);
  }
};

void check_affine(const char* name, const Tensor& t, const Tensor& x) {
  require(t.dtype() == x.dtype() && t.shape() == Shape{x.cols()} && t.is_contiguous(), "layernorm: ", name,
          " is ", name_of(t.dtype()), " ", t.shape(), "; expected ", name_of(x.dtype()), " [", x.cols(),
          "] for x of ", x.shape());
}

void check(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  require(x.cols() > 0 && x.is_contiguous(), "layernorm: x is ", x.shape(),
          "; expected contiguous rows of at least one element");
  require(x.dtype() == DType::f32 || x.dtype() == DType::f64, "layernorm: x is ", name_of(x.dtype()),
          "; expected f32 or f64");
  require(eps > 0, "layernorm: eps is ", eps, "; expected more than 0");
  check_affine("weight", weight, x);
  if (bias.defined()) check_affine("bias", bias, x);
}

}  // namespace

// With n = (x - mean) rstd, dn_j/dx_i = rstd ([i = j] - 1/C - n_i n_j / C): the two means in dx remove the
// components along which shifting and scaling the whole row leave n unchanged.
Tensor layernorm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  const InOp op(layernorm_info);
  check(x, weight, bias, eps);
  Tensor y = x.like();
  const Tensor stats = Tensor::empty(x.device(), DType::f64, {x.rows(), 2});
  run(x.device(), LayernormForward{x.dtype(), x.rows(), x.cols(), eps, x.data(), weight.data(),
                                   bias.defined() ? bias.data() : nullptr, y.data(), stats.ptr<double>()});
  return record(y, {x, weight, bias}, LayernormNode(x, weight, stats));
}

}  // namespace hewn
