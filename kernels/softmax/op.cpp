#include "kernels/softmax/op.h"

#include "kernels/contract.h"
#include "kernels/softmax/abi.h"

namespace hewn {
namespace {

constexpr OpInfo softmax_info{"softmax", "y_i = exp(x_i - max_j x_j) / sum_k exp(x_k - max_j x_j)",
                              "dx_i = y_i (dy_i - sum_j dy_j y_j)"};

struct SoftmaxNode final : Node {
  Saved y;
  explicit SoftmaxNode(const Tensor& output) : y(output) {}
  const OpInfo& info() const override { return softmax_info; }
  std::vector<SavedField> saved() const override { return {{"y", &y}}; }
  void backward(const Tensor& dy, Grads& grads) override {
    const auto [dx, write] = grads.at(0);
    run(dy.device(),
        SoftmaxBackward{dy.dtype(), dy.rows(), dy.cols(), y->data(), dy.data(), dx.data(), write});
  }
};

}  // namespace

// y_i = exp(x_i - m) / sum_k exp(x_k - m), m = max x: subtracting m changes nothing but avoids overflow.
// dy_k/dx_i = y_k ([k = i] - y_i), hence dx_i = sum_k dy_k y_k ([k = i] - y_i) = y_i (dy_i - sum_k dy_k y_k).
Tensor softmax(const Tensor& x) {
  const InOp op(softmax_info);
  require(x.cols() > 0 && x.is_contiguous(), "softmax: x is ", x.shape(),
          "; it needs contiguous rows of at least one");
  Tensor y = x.like();
  run(x.device(), SoftmaxForward{x.dtype(), x.rows(), x.cols(), x.data(), y.data()});
  return record(y, {x}, SoftmaxNode(y));
}

}  // namespace hewn
