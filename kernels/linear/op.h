#pragma once

#include "core/tape.h"
#include "kernels/activation/abi.h"

namespace hewn {

/// How a weight is stored: GPT-2's files as [in, out], Llama's as [out, in].
enum class Layout : uint8_t { in_out, out_in };

struct LinearOptions {
  Layout layout = Layout::in_out;
  Activation activation = Activation::none;
  Tensor residual = {};  ///< [..., out], added last; may be undefined
  /// The weight as bf16: if given, the three matrix products are of bf16 numbers, with sums in float32, and
  /// gradients still reach the weight itself. Then x may be bf16 too, and so is its gradient.
  Tensor weight_bf16 = {};
  bool bf16_result = false;  ///< with `weight_bf16`, without activation and residual: y is bf16, rounded once
};

/// y = residual + activation(x W + b) in one pass: x [..., in] contiguous, weight as `layout` says, bias
/// [out] or undefined -> y [..., out]. f32 or f64, but for what `weight_bf16` says.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const LinearOptions& options = {});

/// The same from matmul, add and the activation: what the fused one is compared with.
Tensor linear_composed(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const LinearOptions& options = {});

}  // namespace hewn
