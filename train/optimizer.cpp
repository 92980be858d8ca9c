#include "train/optimizer.h"

#include "core/error.h"
#include "kernels/contract.h"
#include "kernels/global_norm/abi.h"
#include "kernels/optimizer/abi.h"

namespace hewn {
namespace {

constexpr UpdateRule rule_of(OptimizerKind kind) {
  return kind == OptimizerKind::adamw  ? UpdateRule::adamw
         : kind == OptimizerKind::adam ? UpdateRule::adam
                                       : UpdateRule::sgd;
}

}  // namespace

Optimizer::Optimizer(Parameters& parameters, const OptimizerConfig& config)
    : parameters_(parameters), config_(config) {
  for (const ParameterGroup& group : parameters.groups()) {
    std::vector<size_t> bytes;
    for (const Parameter* p : group.members) bytes.push_back(p->value.bytes());
    Moments moments;
    moments.m = std::make_unique<Slab>(parameters.device(), MemUse::optimizer, bytes);
    if (config.kind != OptimizerKind::sgd)
      moments.v = std::make_unique<Slab>(parameters.device(), MemUse::optimizer, bytes);
    moments_.push_back(std::move(moments));
  }
}

void Optimizer::step(const Tensor& state, const double* loss) {
  const Scope scope("optimizer");
  const InPhase phase(Phase::update);
  const DType dtype = parameters_.dtype();
  auto* step_state = static_cast<StepState*>(state.data());
  GlobalNorm norm{.dtype = dtype,
                  .n_spans = 0,
                  .spans = {},
                  .max_norm = config_.grad_clip,
                  .state = step_state,
                  .loss = loss};
  for (const ParameterGroup& group : parameters_.groups()) {
    require(norm.n_spans < GlobalNorm::max_spans, "more groups of parameters than the global norm takes");
    norm.spans[norm.n_spans++] = {group.grads->data(), group.numel(dtype)};
  }
  run(parameters_.device(), norm);
  const bool nearest = !config_.stochastic_rounding;
  for (size_t i = 0; i < moments_.size(); ++i) {
    const ParameterGroup& group = parameters_.groups()[i];
    const Moments& moments = moments_[i];
    for (Parameter* p : group.members) half_of(*p);  // good, should the step be refused
    run(parameters_.device(),
        ParameterUpdate{.rule = rule_of(config_.kind),
                        .dtype = dtype,
                        .n = group.numel(dtype),
                        .w = group.values->data(),
                        .g = group.grads->data(),
                        .m = moments.m->data(),
                        .v = moments.v ? moments.v->data() : nullptr,
                        .beta1 = config_.beta1,
                        .beta2 = config_.beta2,
                        .eps = config_.eps,
                        .weight_decay = group.decayed ? config_.weight_decay : 0,
                        .state = step_state,
                        .half = nearest && group.halves.defined() ? group.halves.data() : nullptr});
  }
  if (!nearest) round_stochastically(step_state, 1);
  parameters_.updated();
}

void Optimizer::round_stochastically(const StepState* state, int64_t extra) {
  for (const ParameterGroup& group : parameters_.groups())
    if (group.halves.defined())
      run(parameters_.device(), StochasticRounding{.n = group.numel(DType::f32),
                                                   .w = group.values->data(),
                                                   .half = group.halves.data(),
                                                   .state = state,
                                                   .extra = extra});
}

void Optimizer::round_again(const StepState& state) {
  if (!config_.stochastic_rounding) return;
  Tensor at = Tensor::empty(parameters_.device(), DType::u8, {static_cast<int64_t>(sizeof state)});
  at.upload(&state);
  round_stochastically(static_cast<const StepState*>(at.data()), 0);
  parameters_.updated();
}

std::vector<Optimizer::Moment> Optimizer::moments() const {
  std::vector<Moment> all;
  for (size_t i = 0; i < moments_.size(); ++i) {
    const ParameterGroup& group = parameters_.groups()[i];
    for (size_t j = 0; j < group.members.size(); ++j) {
      const Parameter& p = *group.members[j];
      all.push_back({"m." + p.name, Tensor::over(moments_[i].m->slice(j), parameters_.dtype(), p.shape)});
      if (moments_[i].v)
        all.push_back({"v." + p.name, Tensor::over(moments_[i].v->slice(j), parameters_.dtype(), p.shape)});
    }
  }
  return all;
}

}  // namespace hewn
