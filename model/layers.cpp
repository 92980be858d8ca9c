#include "model/layers.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "kernels/contract/contract.h"
#include "kernels/copy/op.h"
#include "kernels/dropout/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/norm/op.h"
#include "model/weight.h"

namespace hewn {

namespace {

std::string last_word(const std::string& name) { return name.substr(name.rfind('.') + 1); }

}  // namespace

DType TensorTypes::activations() const {
  const bool mixed = parameters_->product_dtype() == DType::bf16;
  return mixed && on_gpu(executor(parameters_->device()).isa()) ? DType::bf16 : parameters_->dtype();
}

DType TensorTypes::parameters() const { return parameters_->dtype(); }

DType TensorTypes::stream() const { return activations() == DType::bf16 ? stream_ : activations(); }

LinearLayer::LinearLayer(Parameters& parameters, const std::string& name, int64_t in, int64_t out,
                         bool with_bias, double deviation)
    : part(last_word(name)),
      weight(parameters.add(name + ".weight", {in, out}, Init::normal(deviation))),
      bias(with_bias ? parameters.add(name + ".bias", {out}, Init::zeros()) : nullptr) {
  weight->takes_adapter = true;
  weight->only_multiplied = true;
}

Tensor LinearLayer::operator()(const Tensor& x, DType result, const Tensor& step_state,
                               const Tensor& residual) const {
  const Scope scope(part);
  count_inputs(*weight, x);
  return times(x, *weight, bias_value(), {.residual = &residual, .bf16_result = result == DType::bf16},
               step_state);
}

Tensor LinearLayer::operator()(const Activated& x, DType result, const Tensor& step_state,
                               const Tensor& residual) const {
  const Scope scope(part);
  count_inputs(*weight, x.value);
  return times(x, *weight, bias_value(), {.residual = &residual, .bf16_result = result == DType::bf16},
               step_state);
}

Activated LinearLayer::activated(const Tensor& x, Activation f, DType result,
                                 const Tensor& step_state) const {
  const Scope scope(part);
  count_inputs(*weight, x);
  return times_activated(x, *weight, bias_value(), f, {.bf16_result = result == DType::bf16}, step_state);
}

NormLayer::NormLayer(Parameters& parameters, const std::string& name, const ModelConfig& config)
    : part(last_word(name)),
      weight(parameters.add(name + ".weight", {config.n_embd}, Init::ones())),
      bias(config.bias && config.norm == NormKind::layernorm
               ? parameters.add(name + ".bias", {config.n_embd}, Init::zeros())
               : nullptr),
      kind(config.norm),
      eps(config.norm_eps) {}

Tensor NormLayer::operator()(const Tensor& x, DType result) const {
  const Scope scope(part);
  if (kind == NormKind::rmsnorm) return rmsnorm(x, weight->value, eps, result);
  return layernorm(x, weight->value, bias ? bias->value : Tensor(), eps, result);
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
      dropout(config.dropout, place, layer),
      types(parameters, config) {}

// Dropout comes between the product and the sum, so the product can add the residual only without dropout.
template <class X>
Tensor ResidualLayer::operator()(const X& x, const Tensor& residual, const Tensor& step_state) const {
  if (!dropout.active(step_state)) return linear(x, types.stream(), step_state, residual);
  const Tensor y = dropout(linear(x, types.stream(), step_state), step_state);
  return residual.defined() ? add(residual, y) : y;
}
template Tensor ResidualLayer::operator()(const Tensor&, const Tensor&, const Tensor&) const;
template Tensor ResidualLayer::operator()(const Activated&, const Tensor&, const Tensor&) const;

Tensor rows_at(const Tensor& x, const std::vector<int64_t>& ends) {
  if (ends.empty() || !x.defined()) return x;
  require(std::ssize(ends) == x.dim(0), ends.size(), " ends for ", x.dim(0), " sequences");
  std::vector<Tensor> rows;
  for (int64_t b = 0; b < x.dim(0); ++b)
    rows.push_back(slice(slice(x, 0, b, 1), 1, ends[static_cast<size_t>(b)], 1));
  return concat(rows, 0);
}

}  // namespace hewn
