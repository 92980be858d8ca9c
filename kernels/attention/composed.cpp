// The fused operation composed of simple ones, with the T x T weights stored.

#include <cmath>
#include <limits>

#include "kernels/attention/op.h"
#include "kernels/copy/op.h"
#include "kernels/dropout/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/matmul/op.h"
#include "kernels/softmax/op.h"

namespace hewn {
namespace {

/// The mask to add to the scores, [Tq, Tk]: -inf for keys outside a query's window, 0 elsewhere.
Tensor window_mask(const Tensor& scores, int64_t window) {
  const int64_t Tq = scores.dim(-2), Tk = scores.dim(-1);
  std::vector<double> mask;
  for (int64_t i = 0; i < Tq; ++i)
    for (int64_t j = 0; j < Tk; ++j)
      mask.push_back(j + window <= Tk - Tq + i ? -std::numeric_limits<double>::infinity() : 0);
  return cast(Tensor::from(scores.device(), mask, {Tq, Tk}), scores.dtype());
}

}  // namespace

// y = dropout(softmax(mask(q k^T / sqrt D))) v (Vaswani et al., "Attention is all you need", 2017, equation
// 1); the gradients are those of the component operations. A head of keys is broadcast over the query heads
// that read it.
Tensor causal_attention_composed(const Tensor& q, const Tensor& k, const Tensor& v,
                                 const AttentionOptions& options) {
  const int64_t B = q.dim(0), H = q.dim(1), Hkv = k.dim(1), Tq = q.dim(2), Tk = k.dim(2), D = q.dim(3);
  const auto grouped = [&](const Tensor& x, int64_t per_kv) {
    return reshape(x, {B, Hkv, per_kv, x.dim(2), x.dim(3)});
  };
  Tensor scores = matmul(grouped(q, H / Hkv), grouped(k, 1), false, true);
  scores = reshape(scale(scores, 1 / std::sqrt(static_cast<double>(D))), {B, H, Tq, Tk});
  if (options.window > 0) scores = add(scores, window_mask(scores, options.window));
  Tensor weights = causal_softmax(scores);
  if (options.dropout > 0)
    weights = dropout(weights, options.dropout, options.site,
                      static_cast<const StepState*>(options.step_state.data()));
  return reshape(matmul(grouped(weights, H / Hkv), grouped(v, 1)), {B, H, Tq, D});
}

Tensor causal_attention_composed(const Tensor& qkv, const AttentionOptions& options) {
  const int64_t H = options.n_head, Hkv = options.n_kv_head == 0 ? H : options.n_kv_head;
  const int64_t B = qkv.dim(0), T = qkv.dim(1), D = qkv.dim(2) / (H + 2 * Hkv);
  const auto heads = [](const Tensor& x) {
    return contiguous(permute(x, {0, 2, 1, 3}));
  };  // [B, heads, T, D]
  const std::vector<Tensor> parts = split(reshape(qkv, {B, T, H + 2 * Hkv, D}), 2, {H, Hkv, Hkv});
  const Tensor y = causal_attention_composed(heads(parts[0]), heads(parts[1]), heads(parts[2]), options);
  return reshape(permute(y, {0, 2, 1, 3}), {B, T, H * D});
}

}  // namespace hewn
