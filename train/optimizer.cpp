#include "train/optimizer.h"

#include "kernels/contract/contract.h"
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
  m_ = parameters.slab_like_values(MemUse::optimizer);
  if (config.kind != OptimizerKind::sgd) v_ = parameters.slab_like_values(MemUse::optimizer);
  const MemUseScope use(MemUse::optimizer);
  squares_ =
      Tensor::empty(parameters.device(), DType::f64, {(parameters.slab().n + norm_block - 1) / norm_block});
}

void Optimizer::step(const Tensor& state, const double* loss) {
  const Scope scope("optimizer");
  const InPhase phase(Phase::update);
  const ParameterSlab& slab = parameters_.slab();
  auto* step_state = static_cast<StepState*>(state.data());
  auto* sums = static_cast<double*>(squares_.data());
  run(parameters_.device(), BlockSquares{parameters_.dtype(), slab.n, slab.grads->data(), sums});
  run(parameters_.device(), GlobalNorm{squares_.numel(), sums, config_.grad_clip, step_state, loss});
  for (Parameter* p : slab.members) bf16_of(*p);  // must be current if the step is refused
  const bool nearest = !config_.stochastic_rounding;
  run(parameters_.device(),
      ParameterUpdate{.rule = rule_of(config_.kind),
                      .dtype = parameters_.dtype(),
                      .n = slab.n,
                      .n_decayed = slab.n_decayed,
                      .w = slab.values->data(),
                      .g = slab.grads->data(),
                      .m = m_->data(),
                      .v = v_ ? v_->data() : nullptr,
                      .beta1 = config_.beta1,
                      .beta2 = config_.beta2,
                      .eps = config_.eps,
                      .weight_decay = config_.weight_decay,
                      .state = step_state,
                      .w_bf16 = nearest && slab.values_bf16.defined() ? slab.values_bf16.data() : nullptr});
  if (!nearest) round_stochastically(step_state, 1);
  parameters_.updated();
}

void Optimizer::round_stochastically(const StepState* state, int64_t extra) {
  const ParameterSlab& slab = parameters_.slab();
  if (!slab.values_bf16.defined()) return;
  run(parameters_.device(), StochasticRounding{.n = slab.n_decayed,
                                               .w = slab.values->data(),
                                               .w_bf16 = slab.values_bf16.data(),
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
  const std::vector<Parameter*>& members = parameters_.slab().members;
  for (size_t i = 0; i < members.size(); ++i) {
    const Parameter& p = *members[i];
    all.push_back({"m." + p.name, Tensor::over(m_->slice(i), parameters_.dtype(), p.shape)});
    if (v_) all.push_back({"v." + p.name, Tensor::over(v_->slice(i), parameters_.dtype(), p.shape)});
  }
  return all;
}

}  // namespace hewn
