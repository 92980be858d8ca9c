#include "kernels/linear_cross_entropy/op.h"

#include <algorithm>

#include "kernels/contract/contract.h"
#include "kernels/copy/op.h"
#include "kernels/cross_entropy/abi.h"
#include "kernels/cross_entropy/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/matmul/op.h"
#include "kernels/matmul/run.h"
#include "kernels/reduce/op.h"

namespace hewn {
namespace {

constexpr OpInfo linear_cross_entropy_info{"linear_cross_entropy",
                                           "loss = mean_r (log sum_j exp(z_rj) - z_r,target), z = x W^T + b",
                                           "dz_rj = dloss / kept (softmax(z_r)_j - [j = target_r]), dx = dz "
                                           "W, dW = dz^T x, db = sum over rows of dz"};

/// Divides the rows of x into chunks of nearly equal size.
struct Chunks {
  int64_t rows, per_chunk;
  Chunks(int64_t n, int64_t row_bytes, size_t most_bytes) : rows(n) {
    const int64_t most =
        std::max<int64_t>(1, static_cast<int64_t>(most_bytes) / std::max<int64_t>(1, row_bytes));
    const int64_t count = std::max<int64_t>(1, (n + most - 1) / most);
    per_chunk = (n + count - 1) / count;
  }
  bool one() const { return per_chunk == rows; }
  /// Calls body(first row, number of rows) for each chunk.
  template <class Body>
  void each(const Body& body) const {
    for (int64_t r = 0; r < rows; r += per_chunk) body(r, std::min(per_chunk, rows - r));
  }
};

/// Computes z = x W^T + b into the first rows of `logits`.
Tensor logits_of(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& logits) {
  Matmul m{};
  m.dtype = x.dtype();
  m.M = x.dim(0), m.N = weight.dim(0), m.K = x.dim(1);
  m.trans_b = true;
  m.a = x.data(), m.lda = m.K;
  m.b = weight.data(), m.ldb = m.K;
  m.c = logits.data(), m.ldc = m.N;
  m.epilogue.bias = bias.defined() ? bias.data() : nullptr;
  run_product(x.device(), m);
  return logits.sliced(0, 0, x.dim(0));
}

const int32_t* targets_at(const Tensor& targets, int64_t row) { return targets.ptr<int32_t>() + row; }

struct LinearCrossEntropyNode final : Node {
  Saved x, weight;  // as multiplied, f32 or bf16
  Saved bias, targets, stats, kept;
  Saved logits;  // defined for a single chunk
  Chunks chunks;

  LinearCrossEntropyNode(const Tensor& x_, const Tensor& w, const Tensor& b, const Tensor& t, const Tensor& s,
                         const Tensor& n, const Tensor& z, const Chunks& c)
      : x(x_), weight(w), bias(b), targets(t), stats(s), kept(n), logits(z), chunks(c) {}
  const OpInfo& info() const override { return linear_cross_entropy_info; }
  std::vector<SavedField> saved() const override {
    std::vector<SavedField> fields{
        {"x", &x}, {"weight", &weight}, {"targets", &targets}, {"stats", &stats}, {"kept", &kept}};
    if (bias.defined()) fields.push_back({"bias", &bias});
    if (logits.defined()) fields.push_back({"logits", &logits});
    return fields;
  }

  void backward(const Tensor& dloss, Grads& grads) override {
    Grads::Target dx{}, dw{}, db{};
    if (grads.wants(0)) dx = grads.at(0);
    if (grads.wants(1)) dw = grads.at(1);
    if (grads.wants(2)) db = grads.at(2);
    const Tensor buffer = logits.defined()
                              ? *logits
                              : Tensor::empty(x->device(), dloss.dtype(), {chunks.per_chunk, weight->dim(0)});
    chunks.each([&](int64_t row, int64_t rows) {
      const Tensor part = x->sliced(0, row, rows);
      const Tensor dz = gradient_of_logits(part, row, dloss, buffer);
      const Tensor factor = as_type(dz, weight->dtype());
      if (dx.tensor.defined()) multiply(factor, *weight, dx.tensor.sliced(0, row, rows), dx.write);
      if (dw.tensor.defined()) multiply(factor.transposed(0, 1), part, dw.tensor, dw.write);
      if (db.tensor.defined()) sum_copies(dz, 1, db.tensor, db.write);
      dw.write = db.write = Write::add;
    });
  }

 private:
  /// Replaces the logits of a chunk by their gradient, in place.
  Tensor gradient_of_logits(const Tensor& part, int64_t row, const Tensor& dloss, Tensor buffer) const {
    const Tensor z =
        logits.defined() ? buffer : logits_of(part, *weight, bias.defined() ? *bias : Tensor{}, buffer);
    run(z.device(), CrossEntropyBackward{z.dtype(), z.dim(0), z.dim(1), z.data(), targets_at(*targets, row),
                                         stats->sliced(0, row, z.dim(0)).data(), dloss.data(),
                                         kept->ptr<int64_t>(), z.data(), Write::set});
    buffer.changed();
    return z;
  }
};

void check(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets) {
  require(x.dtype() == DType::f32 || x.dtype() == DType::f64, "linear_cross_entropy: x is ",
          name_of(x.dtype()), "; expected f32 or f64");
  require(x.rank() == 2 && x.is_contiguous() && x.numel() > 0, "linear_cross_entropy: x is ", x.shape(),
          "; expected contiguous [N, C] with at least one element");
  require(weight.rank() == 2 && weight.is_contiguous() && weight.dtype() == x.dtype() &&
              weight.dim(1) == x.dim(1) && weight.dim(0) > 0,
          "linear_cross_entropy: the weight is ", name_of(weight.dtype()), " ", weight.shape(),
          "; expected contiguous ", name_of(x.dtype()), " [V, ", x.dim(1), "]");
  require(!bias.defined() || (bias.shape() == Shape{weight.dim(0)} && bias.dtype() == x.dtype()),
          "linear_cross_entropy: the bias has shape ", bias.defined() ? bias.shape() : Shape{},
          "; expected [", weight.dim(0), "]");
  check_targets("linear_cross_entropy", targets, x.dim(0), weight.dim(0));
}

}  // namespace

// dloss/dz is cross_entropy's, and z = x W^T + b gives dx = dz W, dW = dz^T x, db_j = sum_r dz_rj (see
// linear). Chunks change only the order of the sums over rows in dW and db.
Tensor linear_cross_entropy(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& targets,
                            size_t logits_bytes, const Tensor& weight_bf16) {
  const InOp op(linear_cross_entropy_info);
  check(x, weight, bias, targets);
  require(!weight_bf16.defined() ||
              (weight_bf16.shape() == weight.shape() && weight_bf16.dtype() == DType::bf16 &&
               weight_bf16.is_contiguous() && x.dtype() == DType::f32),
          "linear_cross_entropy: a bf16 copy of the weight ", weight.shape(), " requires f32 operands, not ",
          name_of(x.dtype()));
  const Tensor& factor = weight_bf16.defined() ? weight_bf16 : weight;
  const Tensor terms = as_type(x, factor.dtype());
  const DType t = x.dtype();
  const int64_t rows = x.dim(0), classes = weight.dim(0);
  const Chunks chunks(rows, classes * static_cast<int64_t>(size_of(t)), logits_bytes);
  Device& device = x.device();
  const Tensor kept = Tensor::empty(device, DType::i64, {});
  const Tensor losses = x.like({rows}), stats = x.like({rows, 2});
  Tensor loss = x.like(Shape{});
  Tensor logits = x.like({chunks.per_chunk, classes});
  run(device, CountTargets{rows, targets_at(targets, 0), kept.ptr<int64_t>()});
  chunks.each([&](int64_t row, int64_t n) {
    const Tensor z = logits_of(terms.sliced(0, row, n), factor, bias, logits);
    run(device, CrossEntropyForward{t, n, classes, z.data(), targets_at(targets, row),
                                    losses.sliced(0, row, n).data(), stats.sliced(0, row, n).data()});
  });
  run(device, MeanLoss{t, rows, losses.data(), kept.ptr<int64_t>(), loss.data()});
  if (!chunks.one()) logits = {};
  return record(loss, {x, weight, bias},
                LinearCrossEntropyNode(terms, factor, bias, targets, stats, kept, logits, chunks));
}

Tensor linear_cross_entropy_composed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                     const Tensor& targets) {
  Tensor z = matmul(x, weight, false, true);
  if (bias.defined()) z = add(z, bias);
  return cross_entropy(z, targets);
}

}  // namespace hewn
