#pragma once

#include "core/tape.h"
#include "kernels/activation/abi.h"

namespace hewn {

/// The layout of a stored weight: [in, out] in GPT-2's files, [out, in] in Llama's.
enum class Layout : uint8_t { in_out, out_in };

struct LinearOptions {
  Layout layout = Layout::in_out;
  Activation activation = Activation::none;
  Tensor residual = {};  ///< [..., out], added last; may be undefined
  /// The weight as bf16: if given, the three matrix products have bf16 operands and float32 sums, and
  /// gradients still reach the weight itself. Then x may be bf16 too, and so is its gradient.
  Tensor weight_bf16 = {};
  bool bf16_result = false;  ///< requires `weight_bf16`, no activation, no residual: y is bf16, rounded once
};

/// y = residual + activation(x W + b) in one pass: x [..., in] contiguous, weight in `layout`, bias [out] or
/// undefined -> y [..., out]. f32 or f64, except as `weight_bf16` states.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const LinearOptions& options = {});

/// The same composed of matmul, add and the activation: the fused operation is tested against it.
Tensor linear_composed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const LinearOptions& options = {});

}  // namespace hewn
