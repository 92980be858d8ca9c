#pragma once

#include "core/tape.h"
#include "kernels/activation/abi.h"
#include "kernels/linear/low_rank.h"

namespace hewn {

/// The layout of a stored weight: [in, out] in GPT-2's files, [out, in] in Llama's.
enum class Layout : uint8_t { in_out, out_in };

struct LinearOptions {
  Layout layout = Layout::in_out;
  Tensor residual = {};  ///< [..., out], of y's type, added last; may be undefined
  /// The weight as bf16: if given, the three matrix products have bf16 operands and float32 sums, and
  /// gradients still reach the weight itself. Then x may be bf16 too, and so is its gradient.
  Tensor weight_bf16 = {};
  bool bf16_result = false;  ///< requires `weight_bf16`: y is bf16, rounded once, and so is its gradient
  LowRank low_rank = {};     ///< a low-rank change of W, with its own gradients
};

/// y = residual + x W + b (+ s d(x) A^T B) in one pass, and two small ones for a low-rank change: x [..., in]
/// contiguous, weight in `layout`, bias [out] or undefined -> y [..., out]. f32 or f64, except as `weight_bf16` states.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const LinearOptions& options = {});

/// The value between two layers with an activation f: z, and f(z), computed in the same pass. The tape
/// records only z; the layer that reads f(z) also computes the gradient of z.
struct Activated {
  Activation kind = Activation::none;
  Tensor z;      ///< undefined if nothing is recorded
  Tensor value;  ///< f(z), without a gradient
};

/// z = x W + b and f(z) in one pass. No residual.
Activated linear_activated(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation f,
                           const LinearOptions& options = {});

/// y = residual + f(z) W + b. On a GPU the gradient of z also takes one pass.
Tensor linear(const Activated& x, const Tensor& weight, const Tensor& bias,
              const LinearOptions& options = {});

/// The same composed of matmul, add and the activation: the fused operations are tested against it.
Tensor linear_composed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const LinearOptions& options = {});

}  // namespace hewn
