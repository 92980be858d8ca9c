#include "model/head.h"

#include <algorithm>

#include "kernels/copy/op.h"
#include "kernels/matmul/op.h"
#include "model/layers.h"
#include "model/weight.h"

namespace hewn {

Head::Head(Parameters& parameters, const ModelConfig& config, Parameter* table, double deviation)
    : pools_(config.classifies() && config.position == LabelPosition::mean),
      block_size_(config.block_size),
      weight_(table) {
  if (config.classifies() || !config.tie)
    weight_ = parameters.add(config.classifies() ? score_name : "lm_head.weight",
                             {config.outputs(), config.n_embd}, Init::normal(deviation));
  weight_->only_multiplied = weight_ != table;
}

// The means are a product with a constant matrix. Only positions with a target, the last tokens of texts, contribute to the
// loss.
Tensor Head::states(const Tensor& x) {
  if (!pools_) return x;
  const int64_t T = x.dim(1), most = block_size_;
  const DType dtype = weight_->value.dtype();
  if (!means_.defined()) {
    std::vector<double> rows(static_cast<size_t>(most * most));
    for (int64_t t = 0; t < most; ++t)
      std::fill_n(rows.begin() + t * most, t + 1, 1 / static_cast<double>(t + 1));
    const MemUseScope use(MemUse::data);
    means_ = as_type(Tensor::from(x.device(), rows, {most, most}), dtype);
    means_.set_name("means");
  }
  return matmul(means_.sliced(0, 0, T).sliced(1, 0, T), x.dtype() == dtype ? x : cast(x, dtype));
}

Tensor Head::rows(const Tensor& x) {
  const Tensor read = states(x);
  return reshape(read, {read.rows(), read.cols()});
}

// x W^T
Tensor Head::logits(const Tensor& x, const ForwardOptions& options) {
  const Scope scope("head");
  Tensor read = states(x);
  count_inputs(*weight_, read);  // at all positions
  if (pools_) read = rows_at(read, options.ends);
  if (options.last_only && read.dim(1) > 1) read = contiguous(slice(read, 1, read.dim(1) - 1, 1));
  return times(read, *weight_, Tensor(), {.layout = Layout::out_in});
}

Tensor Head::target_losses(const Tensor& x, const Tensor& targets) {
  const Scope scope("head");
  return cross_entropies_of(rows(x), *weight_, targets.viewed({targets.numel()}));
}

// loss = mean over targets of -log softmax(x W^T)[target]
Tensor Head::loss(const Tensor& x, const Tensor& targets) {
  const Scope scope("head");
  return cross_entropy_of(rows(x), *weight_, targets.viewed({targets.numel()}));
}

}  // namespace hewn
