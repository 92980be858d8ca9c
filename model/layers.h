#pragma once
// The parts of a transformer block. A layer points to its parameters and applies them; `Parameters` owns
// their memory, and the tape computes their gradients.

#include "kernels/linear/op.h"
#include "model/config.h"
#include "model/parameters.h"

namespace hewn {

/// Standard deviation of initial weights, as in GPT-2.
inline constexpr double initial_deviation = 0.02;

/// Whether the result of a product with this matrix should be bf16: on GPUs in mixed precision, if the next
/// operation accepts bf16. CPUs have no kernels for that.
bool bf16_result_for(Parameter& weight);

/// y = act(x W + b), W [in, out] as in GPT-2's files.
struct LinearLayer {
  Parameter* weight = nullptr;
  Parameter* bias = nullptr;  ///< null: none

  LinearLayer() = default;
  /// Declares NAME.weight, normal with this deviation, and NAME.bias, zero.
  LinearLayer(Parameters& parameters, const std::string& name, int64_t in, int64_t out, bool with_bias,
              double deviation = initial_deviation);
  /// x [..., in] -> [..., out]. A `residual` of the output's shape, if defined, is added: see `linear`.
  Tensor operator()(const Tensor& x, Activation act = Activation::none, const Tensor& residual = {}) const;
  /// x W + b as bf16; only where `bf16_result_for` is true.
  Tensor bf16_result(const Tensor& x) const;
};

/// Layernorm or RMSnorm over the last dimension.
struct NormLayer {
  Parameter* weight = nullptr;
  Parameter* bias = nullptr;  ///< null: none
  NormKind kind = NormKind::layernorm;
  double eps = 1e-5;

  NormLayer() = default;
  /// Declares NAME.weight, ones, and for a layernorm with biases NAME.bias, zero.
  NormLayer(Parameters& parameters, const std::string& name, const ModelConfig& config);
  Tensor operator()(const Tensor& x) const;
};

/// The places of dropout in a model. Each has its own number, so that no two share a mask: 0 for the
/// embeddings, 3 l + 1 to 3 l + 3 in layer l.
enum class DropoutPlace : uint32_t { embeddings, attention_weights, attention_output, mlp_output };

/// Dropout at one place.
struct DropoutLayer {
  double p;
  uint32_t site;  ///< the number of the place

  DropoutLayer(double probability, DropoutPlace place, int64_t layer = 0);
  /// Whether this pass drops elements: p > 0, and there is a step state (training).
  bool active(const Tensor& step_state) const { return p > 0 && step_state.defined(); }
  /// Zeroes each element of x with probability p and divides the rest by 1 - p; returns x if not active.
  Tensor operator()(const Tensor& x, const Tensor& step_state) const;
};

/// The end of a residual branch, `residual + dropout(x W + b)`: c_proj of attention and of the MLP.
struct ResidualLayer {
  LinearLayer linear;
  DropoutLayer dropout;

  /// Declares the parameters of a linear layer. Initial weights are divided by sqrt(2 n_layer), as in GPT-2,
  /// because 2 n_layer branches are added to the residual stream (section 2.3 of its paper).
  ResidualLayer(Parameters& parameters, const std::string& name, int64_t in, const ModelConfig& config,
                DropoutPlace place, int64_t layer);
  /// x [..., in], residual [..., C] -> [..., C]; an undefined residual counts as zero.
  Tensor operator()(const Tensor& x, const Tensor& residual, const Tensor& step_state) const;
};

}  // namespace hewn
