#pragma once
// The parts of a transformer block. A layer points to its parameters and applies them; `Parameters` owns
// their memory, and the tape computes their gradients.

#include "kernels/linear/op.h"
#include "model/config.h"
#include "model/parameters.h"

namespace hewn {

/// Standard deviation of initial weights, as in GPT-2.
inline constexpr double initial_deviation = 0.02;

/// The types of a model's tensors between operations, known once its parameters are allocated.
class TensorTypes {
 public:
  TensorTypes(const Parameters& parameters, const ModelConfig& config)
      : parameters_(&parameters), stream_(config.residual_dtype) {}
  /// The type of activations: bf16 in mixed precision on GPUs, else the parameters' type. CPUs have fast
  /// kernels for float32 only.
  DType activations() const;
  /// The type of values computed in the parameters' precision: f32 or f64.
  DType parameters() const;
  /// The type of the residual stream: that of activations, unless these are bf16 and the configuration
  /// requires float32.
  DType stream() const;

 private:
  const Parameters* parameters_;
  DType stream_;
};

/// y = x W + b, W [in, out] as in GPT-2's files.
struct LinearLayer {
  std::string part;  ///< the last word of NAME, the layer's scope: "c_attn"
  Parameter* weight = nullptr;
  Parameter* bias = nullptr;  ///< null: none

  LinearLayer() = default;
  /// Declares NAME.weight, normal with this deviation, and NAME.bias, zero.
  LinearLayer(Parameters& parameters, const std::string& name, int64_t in, int64_t out, bool with_bias,
              double deviation = initial_deviation);
  /// x [..., in] -> [..., out], bf16 if `result` is. A `residual` of the output's shape and type, if defined, is
  /// added: see `linear`. An adapter of the weight is applied, in training with its dropout (see `ForwardOptions`).
  Tensor operator()(const Tensor& x, DType result, const Tensor& step_state,
                    const Tensor& residual = {}) const;
  Tensor operator()(const Activated& x, DType result, const Tensor& step_state,
                    const Tensor& residual = {}) const;
  /// z = x W + b and f(z), bf16 if `result` is.
  Activated activated(const Tensor& x, Activation f, DType result, const Tensor& step_state) const;
  const Tensor& bias_value() const {
    static const Tensor none;
    return bias ? bias->value : none;
  }
};

/// Layernorm or RMSnorm over the last dimension.
struct NormLayer {
  std::string part;  ///< the last word of NAME, the layer's scope: "ln_1"
  Parameter* weight = nullptr;
  Parameter* bias = nullptr;  ///< null: none
  NormKind kind = NormKind::layernorm;
  double eps = 1e-5;

  NormLayer() = default;
  /// Declares NAME.weight, ones, and for a layernorm with biases NAME.bias, zero.
  NormLayer(Parameters& parameters, const std::string& name, const ModelConfig& config);
  /// The result has type `result`.
  Tensor operator()(const Tensor& x, DType result) const;
};

/// Where dropout occurs in a model. Each has its own number, so that no two share a mask: 0 for the
/// embeddings, 3 l + 1 to 3 l + 3 in layer l; a recurrent layer has one place.
enum class DropoutPlace : uint32_t {
  embeddings,
  attention_weights,
  attention_output,
  mlp_output,
  layer_output = attention_weights
};

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
  TensorTypes types;

  /// Declares the parameters of a linear layer. Initial weights are divided by sqrt(2 n_layer), as in GPT-2,
  /// because 2 n_layer branches are added to the residual stream (section 2.3 of its paper).
  ResidualLayer(Parameters& parameters, const std::string& name, int64_t in, const ModelConfig& config,
                DropoutPlace place, int64_t layer);
  /// x [..., in], a Tensor or Activated, residual [..., C] -> [..., C], of the residual stream's type; an undefined
  /// residual counts as zero.
  template <class X>
  Tensor operator()(const X& x, const Tensor& residual, const Tensor& step_state) const;
};

/// x [B, T, C] -> [B, 1, C], position ends[b] of sequence b; x itself if `ends` is empty or x undefined.
/// Throws usage unless each sequence has one position, below T.
Tensor rows_at(const Tensor& x, const std::vector<int64_t>& ends);

}  // namespace hewn
