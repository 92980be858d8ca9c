#include "kernels/log_softmax/op.h"

#include "kernels/contract/contract.h"
#include "kernels/log_softmax/abi.h"

namespace hewn {
namespace {

constexpr OpInfo log_softmax_info{"log_softmax", "y_i = x_i - m - log sum_j exp(x_j - m), m = max x",
                                  "dx_i = dy_i - exp(y_i) sum_j dy_j"};

struct LogSoftmaxNode final : Node {
  Saved y;
  explicit LogSoftmaxNode(const Tensor& output) : y(output) {}
  const OpInfo& info() const override { return log_softmax_info; }
  std::vector<SavedField> saved() const override { return {{"y", &y}}; }
  void backward(const Tensor& dy, Grads& grads) override {
    const auto [dx, write] = grads.at(0);
    run(dy.device(),
        LogSoftmaxBackward{dy.dtype(), dy.rows(), dy.cols(), y->data(), dy.data(), dx.data(), write});
  }
};

}  // namespace

// dy_j/dx_i = [i = j] - softmax(x)_i, and softmax(x)_i = exp(y_i).
Tensor log_softmax(const Tensor& x) {
  const InOp op(log_softmax_info);
  require(x.cols() > 0 && x.is_contiguous(), "log_softmax: x is ", x.shape(),
          "; it needs contiguous rows of at least one");
  require(x.dtype() == DType::f32 || x.dtype() == DType::f64, "log_softmax: x is ", name_of(x.dtype()),
          ", expected f32 or f64");
  Tensor y = x.like();
  run(x.device(), LogSoftmaxForward{x.dtype(), x.rows(), x.cols(), x.data(), y.data()});
  return record(y, {x}, LogSoftmaxNode(y));
}

}  // namespace hewn
