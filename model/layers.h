#pragma once
// The parts a transformer is put together from. A layer holds pointers to its parameters and knows how to
// apply them; memory and gradients are the business of `Parameters` and the tape.

#include "kernels/linear/op.h"
#include "model/config.h"
#include "model/parameters.h"

namespace hewn {

/// Whether what a product with this matrix yields had better be bf16, for an operation that follows and
/// takes it: on GPUs, in mixed precision. Processors have no kernels for it.
bool bf16_result_for(Parameter& weight);

/// y = act(x W + b), W [in, out] as in GPT-2 files.
struct LinearLayer {
  Parameter* weight = nullptr;
  Parameter* bias = nullptr;  ///< null: none

  LinearLayer() = default;
  /// Declares NAME.weight, normal with this deviation, and NAME.bias, zero.
  LinearLayer(Parameters& parameters, const std::string& name, int64_t in, int64_t out, bool with_bias,
              double deviation);
  /// x [..., in] -> [..., out]; `residual` of the output's shape is added if given.
  Tensor operator()(const Tensor& x, Activation act = Activation::none, const Tensor& residual = {}) const;
  /// x W + b as bf16, where bf16_result_for says so.
  Tensor bf16_result(const Tensor& x) const;
};

/// Layernorm or RMSnorm over the last dimension.
struct NormLayer {
  Parameter* weight = nullptr;
  Parameter* bias = nullptr;
  NormKind kind = NormKind::layernorm;
  double eps = 1e-5;

  NormLayer() = default;
  /// Declares NAME.weight, ones, and for a layernorm with biases NAME.bias, zero.
  NormLayer(Parameters& parameters, const std::string& name, const ModelConfig& config);
  Tensor operator()(const Tensor& x) const;
};

/// Places of dropout: each has a number of its own, so that no two share a mask.
struct DropoutPlace {
  double p = 0;
  uint32_t site = 0;
  /// x with a share p of its elements zeroed and the rest scaled by 1 / (1 - p); x itself when p is 0 or
  /// there is no step state (evaluation).
  Tensor operator()(const Tensor& x, const Tensor& step_state) const;
};

}  // namespace hewn
