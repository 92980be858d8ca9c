#include "train/step/optimizer.h"

#include <algorithm>

#include "core/error.h"
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
                     : Slices::whole(parameters.slab().n)),
      updated_(ranks_ && config.shard ? slices_ : Slices::whole(parameters.slab().n)),
      me_(ranks_ && config.shard ? ranks_->rank() : 0) {
  if (ranks_ && config.shard) values_.emplace(parameters, *ranks_);
  const MemUseScope use(MemUse::optimizer);
  const Shape owned{updated_.elements_of(me_)};
  m_ = Tensor::zeros(parameters.device(), parameters.dtype(), owned);
  if (config.kind != OptimizerKind::sgd) v_ = Tensor::zeros(parameters.device(), parameters.dtype(), owned);
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
  if (ranks_ && !values_) ranks_->all_gather(grads, slices_);
  run(parameters_.device(), GlobalNorm{squares_.numel(), sums, config_.grad_clip, step_state, loss});
  if (values_) values_->finish();
  for (Parameter* p : slab.members) bf16_of(*p);  // must be current if the step is refused
  for (int64_t bucket = 0; bucket < updated_.buckets(); ++bucket) {
    const Range mine = updated_.elements(bucket, me_);
    if (mine.size() == 0) continue;
    run(parameters_.device(), update_of(bucket, step_state));
    round_stochastically(step_state, 1, mine);
  }
  if (values_) gather_updated(step_state);
  parameters_.updated(!values_ || config_.stochastic_rounding);
}

/// Gives every rank what the others have updated.
void Optimizer::gather_updated(const StepState* state) {
  values_->gather();
  for (const Range& elements : values_->by_value()) round_stochastically(state, 1, elements);
}

void Optimizer::gather_values() {
  if (values_) values_->complete();
}

/// The update of this rank's slice of a bucket.
ParameterUpdate Optimizer::update_of(int64_t bucket, const StepState* state) const {
  const ParameterSlab& slab = parameters_.slab();
  const Range mine = updated_.elements(bucket, me_);
  const auto at = [](void* data, int64_t place, DType dtype) {
    return static_cast<uint8_t*>(data) + static_cast<size_t>(place) * size_of(dtype);
  };
  const DType dtype = parameters_.dtype();
  const int64_t moment = updated_.elements_before(bucket, me_);
  const bool copies = slab.values_bf16.defined() && !config_.stochastic_rounding;
  return {.rule = rule_of(config_.kind),
          .dtype = dtype,
          .n = mine.size(),
          .n_decayed = std::clamp<int64_t>(slab.n_decayed - mine.begin, 0, mine.size()),
          .w = at(slab.values->data(), mine.begin, dtype),
          .g = at(slab.grads->data(), mine.begin, dtype),
          .m = at(m_.data(), moment, dtype),
          .v = v_.defined() ? at(v_.data(), moment, dtype) : nullptr,
          .beta1 = config_.beta1,
          .beta2 = config_.beta2,
          .eps = config_.eps,
          .weight_decay = config_.weight_decay,
          .state = state,
          .w_bf16 = copies ? at(slab.values_bf16.data(), mine.begin, DType::bf16) : nullptr};
}

void Optimizer::gather_gradients() {
  if (ranks_) ranks_->all_gather(elements_of(*parameters_.slab().grads, parameters_.dtype()), slices_);
}

/// Rounds the values of these elements to their bf16 copies, if that is not done to nearest.
void Optimizer::round_stochastically(const StepState* state, int64_t extra, Range elements) {
  const ParameterSlab& slab = parameters_.slab();
  const Range decayed = common(elements, {0, slab.n_decayed});
  if (!config_.stochastic_rounding || !slab.values_bf16.defined() || decayed.size() == 0) return;
  run(parameters_.device(),
      StochasticRounding{.n = decayed.size(),
                         .w = part_of(elements_of(*slab.values, parameters_.dtype()), decayed).data(),
                         .w_bf16 = part_of(slab.values_bf16, decayed).data(),
                         .state = state,
                         .extra = extra,
                         .first = decayed.begin});
}

void Optimizer::round_again(const StepState& state) {
  if (!config_.stochastic_rounding) return;
  Tensor at = Tensor::empty(parameters_.device(), DType::u8, {static_cast<int64_t>(sizeof state)});
  at.upload(&state);
  round_stochastically(static_cast<const StepState*>(at.data()), 0, {0, parameters_.slab().n});
  parameters_.updated();
}

std::vector<Optimizer::Piece> Optimizer::pieces_of(const Tensor& moment, Range elements) const {
  if (!values_) return {{.elements = {0, elements.size()}, .here = part_of(moment, elements)}};
  std::vector<Piece> pieces;
  for (int64_t bucket = 0; bucket < updated_.buckets(); ++bucket)
    for (int rank = 0; rank < updated_.ranks(); ++rank) {
      const Range slice = updated_.elements(bucket, rank);
      const Range both{std::max(slice.begin, elements.begin), std::min(slice.end, elements.end)};
      if (both.size() <= 0) continue;
      pieces.push_back({.elements = {both.begin - elements.begin, both.end - elements.begin}, .owner = rank});
      if (rank != me_) continue;
      const int64_t here = updated_.elements_before(bucket, rank) + both.begin - slice.begin;
      pieces.back().here = part_of(moment, {here, here + both.size()});
    }
  return pieces;
}

std::vector<Optimizer::Moment> Optimizer::moments() const {
  std::vector<Moment> all;
  const ParameterSlab& slab = parameters_.slab();
  for (size_t i = 0; i < slab.members.size(); ++i) {
    const Parameter& p = *slab.members[i];
    const Range elements = elements_of_member(parameters_, i);
    all.push_back({"m." + p.name, p.shape, pieces_of(m_, elements)});
    if (v_.defined()) all.push_back({"v." + p.name, p.shape, pieces_of(v_, elements)});
  }
  return all;
}

std::vector<Tensor> Optimizer::moments_here() const {
  return v_.defined() ? std::vector{m_, v_} : std::vector{m_};
}

Tensor Optimizer::Moment::value() const {
  require(pieces.size() == 1 && pieces[0].owner == Piece::every_rank, name, " is divided among ranks");
  return pieces[0].here.viewed(shape);
}

}  // namespace hewn
