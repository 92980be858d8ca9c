#include "kernels/softmax/op.h"

#include <limits>

#include "kernels/contract/contract.h"
#include "kernels/contract/unfold.h"
#include "kernels/copy/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/reduce/op.h"
#include "kernels/softmax/abi.h"

namespace hewn {
namespace {

constexpr OpInfo softmax_info{"softmax", "y_i = exp(x_i - max_j x_j) / sum_k exp(x_k - max_j x_j)",
                              "dx_i = y_i (dy_i - sum_j dy_j y_j)"};
constexpr OpInfo causal_softmax_info{"causal_softmax",
                                     "y_t = softmax over the keys that query t attends to, 0 elsewhere",
                                     "dx_i = y_i (dy_i - sum_j dy_j y_j)"};

struct SoftmaxNode final : Node {
  Saved y;
  int64_t queries;  // 0: no mask
  SoftmaxNode(const Tensor& output, int64_t causal_queries) : y(output), queries(causal_queries) {}
  const OpInfo& info() const override { return queries == 0 ? softmax_info : causal_softmax_info; }
  std::vector<SavedField> saved() const override { return {{"y", &y}}; }
  void backward(const Tensor& dy, Grads& grads) override {
    const auto [dx, write] = grads.at(0);
    run(dy.device(),
        SoftmaxBackward{dy.dtype(), dy.rows(), dy.cols(), y->data(), dy.data(), dx.data(), write, queries});
  }
};

// y_i = exp(x_i - m) / sum_k exp(x_k - m), m = max x: subtracting m only avoids overflow. dy_k/dx_i = y_k
// ([k = i] - y_i), hence dx_i = sum_k dy_k y_k ([k = i] - y_i) = y_i (dy_i - sum_k dy_k y_k).
Tensor softmax_of(const OpInfo& info, const Tensor& x, int64_t queries) {
  const InOp op(info);
  require(x.cols() > 0 && x.is_contiguous(), info.name, ": x is ", x.shape(),
          "; expected contiguous rows of at least one element");
  require(x.dtype() == DType::f32 || x.dtype() == DType::f64, info.name, ": x is ", name_of(x.dtype()),
          "; expected f32 or f64");
  Tensor y = x.like();
  run(x.device(), SoftmaxForward{x.dtype(), x.rows(), x.cols(), x.data(), y.data(), queries});
  return record(y, {x}, SoftmaxNode(y, queries));
}

}  // namespace

Tensor softmax(const Tensor& x) {
  return Unfold::on() ? softmax_composed(x) : softmax_of(softmax_info, x, 0);
}

Tensor causal_softmax(const Tensor& x) {
  require(x.rank() >= 2 && x.dim(-2) >= 1 && x.dim(-2) <= x.dim(-1), "causal_softmax: x is ", x.shape(),
          "; expected [..., queries, keys] with at least one query and no more than keys");
  return Unfold::on() ? causal_softmax_composed(x) : softmax_of(causal_softmax_info, x, x.dim(-2));
}

// The maximum is a constant, as the result does not depend on it.
Tensor softmax_composed(const Tensor& x) {
  const Tensor largest = as_column(max(x.detached(), -1));
  largest.set_name("row maxima");
  const Tensor e = exp(sub(x, largest));
  return div(e, as_column(sum(e, -1)));
}

Tensor causal_softmax_composed(const Tensor& x) {
  const int64_t queries = x.dim(-2), keys = x.dim(-1);
  std::vector<double> hidden(static_cast<size_t>(queries * keys));
  for (int64_t q = 0; q < queries; ++q)
    for (int64_t k = keys - queries + q + 1; k < keys; ++k)
      hidden[static_cast<size_t>(q * keys + k)] = -std::numeric_limits<double>::infinity();
  const Tensor mask = cast(Tensor::from(x.device(), hidden, {queries, keys}), x.dtype());
  mask.set_name("causal mask");
  return softmax_composed(add(x, mask));
}

}  // namespace hewn
