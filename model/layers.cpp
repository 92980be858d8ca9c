#include "model/layers.h"

#include <algorithm>
#include <cmath>

#include "kernels/contract/contract.h"
#include "kernels/dropout/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/layernorm/op.h"
#include "kernels/rmsnorm/op.h"

namespace hewn {

bool bf16_result_for(Parameter& weight) {
  return on_gpu(executor(weight.value.device()).isa()) && bf16_of(weight).defined();
}

LinearLayer::LinearLayer(Parameters& parameters, const std::string& name, int64_t in, int64_t out,
                         bool with_bias, double deviation)
    : weight(parameters.add(name + ".weight", {in, out}, Init::normal(deviation))),
      bias(with_bias ? parameters.add(name + ".bias", {out}, Init::zeros()) : nullptr) {}

Tensor LinearLayer::operator()(const Tensor& x, Activation act, const Tensor& residual) const {
  return linear(x, weight->value, bias ? bias->value : Tensor(),
                {.activation = act, .residual = residual, .weight_bf16 = bf16_of(*weight)});
}

Tensor LinearLayer::bf16_result(const Tensor& x) const {
  return linear(x, weight->value, bias ? bias->value : Tensor(),
                {.weight_bf16 = bf16_of(*weight), .bf16_result = true});
}

NormLayer::NormLayer(Parameters& parameters, const std::string& name, const ModelConfig& config)
    : weight(parameters.add(name + ".weight", {config.n_embd}, Init::ones())),
      bias(config.bias && config.norm == NormKind::layernorm
               ? parameters.add(name + ".bias", {config.n_embd}, Init::zeros())
               : nullptr),
      kind(config.norm),
      eps(config.norm_eps) {}

Tensor NormLayer::operator()(const Tensor& x) const {
  if (kind == NormKind::rmsnorm) return rmsnorm(x, weight->value, eps);
  return layernorm(x, weight->value, bias ? bias->value : Tensor(), eps);
}

DropoutLayer::DropoutLayer(double probability, DropoutPlace place, int64_t layer)
    : p(probability), site(static_cast<uint32_t>(3 * layer) + static_cast<uint32_t>(place)) {}

Tensor DropoutLayer::operator()(const Tensor& x, const Tensor& step_state) const {
  return active(step_state) ? dropout(x, p, site, static_cast<const StepState*>(step_state.data())) : x;
}

ResidualLayer::ResidualLayer(Parameters& parameters, const std::string& name, int64_t in,
                             const ModelConfig& config, DropoutPlace place, int64_t layer)
    : linear(parameters, name, in, config.n_embd, config.bias,
             initial_deviation / std::sqrt(2.0 * static_cast<double>(std::max<int64_t>(config.n_layer, 1)))),
      dropout(config.dropout, place, layer) {}

// Dropout comes between the product and the sum, so the product can add the residual only without dropout.
Tensor ResidualLayer::operator()(const Tensor& x, const Tensor& residual, const Tensor& step_state) const {
  if (!dropout.active(step_state)) return linear(x, Activation::none, residual);
  const Tensor y = dropout(linear(x), step_state);
  return residual.defined() ? add(residual, y) : y;
}

}  // namespace hewn
