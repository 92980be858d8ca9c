#include "kernels/cross_entropy/op.h"

#include <algorithm>

#include "kernels/contract/contract.h"
#include "kernels/contract/unfold.h"
#include "kernels/copy/op.h"
#include "kernels/cross_entropy/abi.h"
#include "kernels/elementwise/op.h"
#include "kernels/reduce/op.h"

namespace hewn {
namespace {

constexpr OpInfo cross_entropy_info{"cross_entropy", "loss = mean_r (log sum_j exp(x_rj) - x_r,target)",
                                    "dx_rj = dloss / kept (softmax(x_r)_j - [j = target_r])"};

struct CrossEntropyNode final : Node {
  Saved logits, targets, stats, kept;
  CrossEntropyNode(const Tensor& x, const Tensor& t, const Tensor& row_stats, const Tensor& n)
      : logits(x), targets(t), stats(row_stats), kept(n) {}
  const OpInfo& info() const override { return cross_entropy_info; }
  std::vector<SavedField> saved() const override {
    return {{"logits", &logits}, {"targets", &targets}, {"stats", &stats}, {"kept", &kept}};
  }
  void backward(const Tensor& dloss, Grads& grads) override {
    const auto [dlogits, write] = grads.at(0);
    const Tensor& x = *logits;
    run(x.device(),
        CrossEntropyBackward{x.dtype(), x.rows(), x.cols(), x.data(), targets->ptr<int32_t>(), stats->data(),
                             dloss.data(), kept->ptr<int64_t>(), dlogits.data(), write});
  }
};

constexpr OpInfo cross_entropy_rows_info{"cross_entropy_rows", "loss_r = log sum_j exp(x_rj) - x_r,target",
                                         "dx_rj = dloss_r (softmax(x_r)_j - [j = target_r])"};

/// Computes the losses and, if weights are given, replaces the logits by the gradient of their weighted sum.
void run_fused(const Tensor& logits, const Tensor& targets, const Tensor& losses, const Tensor& weights) {
  run(logits.device(), CrossEntropyFused{logits.dtype(), logits.rows(), logits.cols(), logits.cols(),
                                         logits.data(), targets.ptr<int32_t>(), nullptr, losses.data(),
                                         weights.defined(), weights.defined() ? weights.data() : nullptr});
}

struct CrossEntropyRowsNode final : Node {
  Saved logits, targets;
  CrossEntropyRowsNode(const Tensor& x, const Tensor& t) : logits(x), targets(t) {}
  const OpInfo& info() const override { return cross_entropy_rows_info; }
  std::vector<SavedField> saved() const override { return {{"logits", &logits}, {"targets", &targets}}; }
  void backward(const Tensor& dlosses, Grads& grads) override {
    const Tensor dlogits = logits->clone();
    run_fused(dlogits, *targets, dlosses.like(), dlosses);
    grads.give(0, dlogits);
  }
};

void check_logits(const char* op, const Tensor& logits, const Tensor& targets) {
  require(logits.cols() > 0 && logits.is_contiguous(), op, ": logits are ", logits.shape(),
          "; expected contiguous rows of at least one element");
  require(logits.dtype() == DType::f32 || logits.dtype() == DType::f64, op, ": logits are ",
          name_of(logits.dtype()), "; expected f32 or f64");
  check_targets(op, targets, logits.rows(), logits.cols());
}

}  // namespace

void check_targets(const char* op, const Tensor& targets, int64_t rows, int64_t classes) {
  require(targets.dtype() == DType::i32 && targets.is_contiguous() && targets.numel() == rows, op,
          ": targets are ", name_of(targets.dtype()), " ", targets.shape(),
          "; expected i32, one for each of the ", rows, " rows");
  if (targets.device().kind() != Device::Kind::cpu) return;
  const std::vector<int32_t> values = targets.values<int32_t>();
  bool any_kept = false;
  for (size_t r = 0; r < values.size(); ++r) {
    if (values[r] == ignored_target) continue;
    any_kept = true;
    if (values[r] < 0 || values[r] >= classes)
      fail(ErrorCode::input, op, ": target ", r, " is ", values[r], "; expected 0 to ", classes - 1,
           ", or -100 to ignore the row");
  }
  if (!any_kept)
    fail(ErrorCode::input, op, ": all ", rows,
         " targets are -100 (ignored); a mean needs at least one that is not ignored");
}

// loss_r = -log(exp(x_t - m) / s) = log s - (x_t - m) with m = max x, s = sum_j exp(x_j - m), and
// d log s / dx_j = exp(x_j - m) / s. The mean divides by the number of kept rows.
Tensor cross_entropy(const Tensor& logits, const Tensor& targets) {
  const InOp op(cross_entropy_info);
  check_logits("cross_entropy", logits, targets);
  if (Unfold::on()) return cross_entropy_composed(logits, targets);
  const int64_t rows = logits.rows();
  const DType t = logits.dtype();
  const Tensor kept = Tensor::empty(logits.device(), DType::i64, {});
  const Tensor losses = logits.like({rows}), stats = logits.like({rows, 2});
  Tensor loss = logits.like(Shape{});
  const auto* target = targets.ptr<int32_t>();
  run(logits.device(), CountTargets{rows, target, kept.ptr<int64_t>()});
  run(logits.device(),
      CrossEntropyForward{t, rows, logits.cols(), logits.data(), target, losses.data(), stats.data()});
  run(logits.device(), MeanLoss{t, rows, losses.data(), kept.ptr<int64_t>(), loss.data()});
  return record(loss, {logits, targets}, CrossEntropyNode(logits, targets, stats, kept));
}

Tensor cross_entropy_rows(const Tensor& logits, const Tensor& targets) {
  const InOp op(cross_entropy_rows_info);
  check_logits("cross_entropy_rows", logits, targets);
  if (Unfold::on()) return cross_entropy_rows_composed(logits, targets);
  const Tensor losses = logits.like(targets.shape());
  run_fused(logits, targets, losses, Tensor());
  return record(losses, {logits, targets}, CrossEntropyRowsNode(logits, targets));
}

Tensor cross_entropy_rows_composed(const Tensor& logits, const Tensor& targets) {
  const int64_t rows = logits.rows(), classes = logits.cols();
  std::vector<double> chosen(static_cast<size_t>(rows * classes)), counts(static_cast<size_t>(rows), 1);
  const std::vector<int32_t> ids = targets.values<int32_t>();
  for (size_t r = 0; r < ids.size(); ++r)
    if (ids[r] == ignored_target)
      counts[r] = 0;
    else
      chosen[r * static_cast<size_t>(classes) + static_cast<size_t>(ids[r])] = 1;
  const auto constant = [&](const std::vector<double>& values, const Shape& shape, const char* name) {
    const Tensor t = cast(Tensor::from(logits.device(), values, shape), logits.dtype());
    t.set_name(name);
    return t;
  };
  const Tensor z = reshape(logits, {rows, classes}), largest = max(z.detached(), -1);
  largest.set_name("row maxima");
  const Tensor total = sum(exp(sub(z, as_column(largest))), -1);
  const Tensor of_target = sum(mul(z, constant(chosen, z.shape(), "one-hot targets")), -1);
  const Tensor losses = sub(add(log(total), largest), of_target);
  return reshape(mul(losses, constant(counts, {rows}, "targets that count")),
                 {targets.shape().sizes().begin(), targets.shape().sizes().end()});
}

Tensor cross_entropy_composed(const Tensor& logits, const Tensor& targets) {
  const std::vector<int32_t> ids = targets.values<int32_t>();
  const auto kept = std::ssize(ids) - std::count(ids.begin(), ids.end(), ignored_target);
  return scale(sum(cross_entropy_rows_composed(logits, targets)), 1 / static_cast<double>(kept));
}

}  // namespace hewn
