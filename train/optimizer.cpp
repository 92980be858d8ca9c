#include "train/optimizer.h"

#include <algorithm>

#include "kernels/contract/contract.h"
#include "kernels/global_norm/abi.h"

namespace hewn {
namespace {

constexpr UpdateRule rule_of(OptimizerKind kind) {
  return kind == OptimizerKind::adamw  ? UpdateRule::adamw
         : kind == OptimizerKind::adam ? UpdateRule::adam
                                       : UpdateRule::sgd;
}

}  // namespace

Optimizer::Optimizer(Parameters& parameters, const OptimizerConfig& config, Ranks* ranks)
    : parameters_(parameters),
      config_(config),
      ranks_(ranks),
      slices_(ranks_ ? ranks_->slices(parameters.slab().n, parameters.dtype())
                     : Slices::whole(parameters.slab().n)) {
  m_ = parameters.slab_like_values(MemUse::optimizer);
  if (config.kind != OptimizerKind::sgd) v_ = parameters.slab_like_values(MemUse::optimizer);
  const MemUseScope use(MemUse::optimizer);
  squares_ = Tensor::empty(parameters.device(), DType::f64, {blocks_of_norm(parameters.slab().n)});
}

void Optimizer::step(const Tensor& state, const double* loss) {
  const Scope scope("optimizer");
  const InPhase phase(Phase::update);
  const ParameterSlab& slab = parameters_.slab();
  auto* step_state = static_cast<StepState*>(state.data());
  const int me = ranks_ ? ranks_->rank() : 0;
  const DType dtype = parameters_.dtype();
  const Tensor grads = elements_of(*slab.grads, dtype);
  auto* sums = static_cast<double*>(squares_.data());
  for (int64_t bucket = 0; bucket < slices_.buckets(); ++bucket) {
    const Tensor mine = part_of(grads, slices_.elements(bucket, me));
    if (mine.numel() > 0)
      run(parameters_.device(),
          BlockSquares{dtype, mine.numel(), mine.data(), sums + slices_.blocks(bucket, me).begin});
  }
  if (ranks_) ranks_->all_gather_blocks(squares_, slices_);
  run(parameters_.device(), GlobalNorm{squares_.numel(), sums, config_.grad_clip, step_state, loss});
  for (Parameter* p : slab.members) bf16_of(*p);  // must be current if the step is refused
  for (int64_t bucket = 0; bucket < slices_.buckets(); ++bucket)
    if (const Range mine = slices_.elements(bucket, me); mine.size() > 0)
      run(parameters_.device(), update_of(mine, step_state));
  if (ranks_) ranks_->all_gather(elements_of(*slab.values, dtype), slices_);
  if (config_.stochastic_rounding) round_stochastically(step_state, 1);
  parameters_.updated(!ranks_ || config_.stochastic_rounding);
}

ParameterUpdate Optimizer::update_of(Range range, const StepState* state) const {
  const ParameterSlab& slab = parameters_.slab();
  const auto at = [&](void* data, size_t element) {
    return static_cast<uint8_t*>(data) + static_cast<size_t>(range.begin) * element;
  };
  const size_t element = size_of(parameters_.dtype());
  const bool copies = slab.values_bf16.defined() && !ranks_ && !config_.stochastic_rounding;
  return {.rule = rule_of(config_.kind),
          .dtype = parameters_.dtype(),
          .n = range.size(),
          .n_decayed = std::clamp<int64_t>(slab.n_decayed - range.begin, 0, range.size()),
          .w = at(slab.values->data(), element),
          .g = at(slab.grads->data(), element),
          .m = at(m_->data(), element),
          .v = v_ ? at(v_->data(), element) : nullptr,
          .beta1 = config_.beta1,
          .beta2 = config_.beta2,
          .eps = config_.eps,
          .weight_decay = config_.weight_decay,
          .state = state,
          .w_bf16 = copies ? at(slab.values_bf16.data(), size_of(DType::bf16)) : nullptr};
}

void Optimizer::gather_gradients() {
  if (ranks_) ranks_->all_gather(elements_of(*parameters_.slab().grads, parameters_.dtype()), slices_);
}

void Optimizer::gather_moments() {
  if (!ranks_) return;
  ranks_->all_gather(elements_of(*m_, parameters_.dtype()), slices_);
  if (v_) ranks_->all_gather(elements_of(*v_, parameters_.dtype()), slices_);
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
