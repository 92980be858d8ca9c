// The fused operation said slowly, with the T x T weights written out.

#include <cmath>

#include "kernels/attention/op.h"
#include "kernels/dropout/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/matmul/op.h"
#include "kernels/softmax/op.h"

namespace hewn {

// y = dropout(softmax(mask(q k^T / sqrt D))) v (Vaswani et al., "Attention is all you need", 2017, equation
// 1); the gradients are those of the operations it is made of.
Tensor causal_attention_composed(const Tensor& q, const Tensor& k, const Tensor& v,
                                 const AttentionOptions& options) {
  const Tensor scores = scale(matmul(q, k, false, true), 1 / std::sqrt(static_cast<double>(q.dim(-1))));
  Tensor weights = causal_softmax(scores);
  if (options.dropout > 0)
    weights = dropout(weights, options.dropout, options.site,
                      static_cast<const StepState*>(options.step_state.data()));
  return matmul(weights, v);
}

}  // namespace hewn
