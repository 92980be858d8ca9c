#pragma once
// Products with the matrices of a model. A matrix has values, optionally with a bf16 copy and an adapter, or
// quantised blocks; layers need not know which.

#include "kernels/linear/op.h"
#include "model/parameters.h"

namespace hewn {

/// Refers to the residual instead of holding it: copies of tensors are a tenth of a small model's time.
struct ProductOptions {
  Layout layout = Layout::in_out;
  const Tensor* residual = nullptr;  ///< as in `LinearOptions`; null or undefined: none
  bool bf16_result = false;
};

/// residual + x W + b: x [..., in] or an activation, W [in, out], or [out, in] with `Layout::out_in` -> [...,
/// out]. A training step with dropout has a `step_state` for its adapter.
Tensor times(const Tensor& x, Parameter& w, const Tensor& bias, const ProductOptions& options = {},
             const Tensor& step_state = {});
Tensor times(const Activated& x, Parameter& w, const Tensor& bias, const ProductOptions& options = {},
             const Tensor& step_state = {});
/// z = x W + b and f(z).
Activated times_activated(const Tensor& x, Parameter& w, const Tensor& bias, Activation f,
                          const ProductOptions& options = {}, const Tensor& step_state = {});

/// Records statistics of the inputs of products with W, if `Parameter::inputs` is set.
inline void count_inputs(const Parameter& w, const Tensor& x) {
  if (w.inputs) w.inputs->add(x);
}

/// The rows of a table [V, C] with the indices [...], in `type` unless the table is in blocks -> [..., C].
Tensor looked_up(const Parameter& table, const Tensor& ids, DType type);

/// The adapter of W as `linear` takes it; undefined if there is none.
LowRank low_rank_of(const Parameter& w, const Tensor& step_state);

/// -log P of each target under softmax(x W^T): x [N, C], W [V, C], targets [N] -> [N], 0 for ignored targets;
/// and their mean, a scalar. The logits of all rows are never stored at once.
Tensor cross_entropies_of(const Tensor& x, Parameter& w, const Tensor& targets);
Tensor cross_entropy_of(const Tensor& x, Parameter& w, const Tensor& targets);

}  // namespace hewn
