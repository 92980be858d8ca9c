#include "train/step/optimizer.h"

#include "core/error.h"
#include "kernels/contract/contract.h"
#include "kernels/optimizer/abi.h"

namespace hewn {

Optimizer::Optimizer(Parameters& parameters, const OptimizerConfig& config, StepExchange& exchange)
    : parameters_(parameters),
      config_(config),
      exchange_(exchange),
      shards_(exchange.shards(parameters.slab().n)),
      blocks_(blocks_of(parameters, config)) {
  const MemUseScope use(MemUse::optimizer);
  for (const ParameterGroup& group : parameter_groups(parameters, config))
    for (const Shard& shard : shards_) {
      const Range elements = common(shard.elements, group.elements);
      if (!is_mine(shard) || elements.size() == 0) continue;
      parts_.push_back({.group = group, .elements = elements, .moments = {}});
      for (const char* name = group.rule->moments; *name; ++name)
        parts_.back().moments.push_back(
            Tensor::zeros(parameters.device(), parameters.dtype(), {elements.size()}));
    }
  squares_ = Tensor::empty(parameters.device(), DType::f64, {blocks_.count()});
}

void Optimizer::step(const Tensor& state, const double* loss) {
  const Scope scope("optimizer");
  const InPhase phase(Phase::update);
  const ParameterSlab& slab = parameters_.slab();
  auto* step_state = static_cast<StepState*>(state.data());
  const Tensor grads = elements_of(*slab.grads, parameters_.dtype());
  auto* sums = static_cast<double*>(squares_.data());
  for (const Shard& shard : shards_)
    if (is_mine(shard))
      blocks_.each_stretch(shard.elements, [&](Range elements, int64_t block) {
        run(parameters_.device(), BlockSquares{parameters_.dtype(), elements.size(),
                                               part_of(grads, elements).data(), sums + block});
      });
  exchange_.gather_squares(squares_);
  run(parameters_.device(), GlobalNorm{squares_.numel(), sums, config_.grad_clip, step_state, loss});
  for (Parameter* p : slab.members) bf16_of(*p);  // must be current if the step is refused
  for (const Part& part : parts_) update(part, step_state);
  const std::vector<Range> sent = exchange_.gather_updated();
  for (const Range& elements : sent) round_stochastically(step_state, 1, elements);
  parameters_.updated(sent.empty() || config_.stochastic_rounding);
}

void Optimizer::update(const Part& part, const StepState* state) {
  const ParameterSlab& slab = parameters_.slab();
  const Shape shape = part.group.rule->whole
                          ? slab.members[static_cast<size_t>(part.group.members.begin)]->shape
                          : Shape{part.elements.size()};
  const auto shaped = [&](const Tensor& all, int64_t begin) {
    return all.sliced(0, begin, shape.numel()).viewed(shape);
  };
  const Range decayed = common(part.elements, {0, slab.n_decayed});
  Updated updated{.w = shaped(elements_of(*slab.values, parameters_.dtype()), part.elements.begin),
                  .g = shaped(elements_of(*slab.grads, parameters_.dtype()), part.elements.begin),
                  .moments = {},
                  .n_decayed = decayed.size(),
                  .w_bf16 = {},
                  .state = state};
  for (const Tensor& moment : part.moments) updated.moments.push_back(shaped(moment, 0));
  if (slab.values_bf16.defined() && !config_.stochastic_rounding)
    updated.w_bf16 = part_of(slab.values_bf16, decayed);
  part.group.rule->update(config_, updated);
  round_stochastically(state, 1, part.elements);
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

/// The pieces of a moment of a parameter of this group with these elements, by the moment's place in the rule.
std::vector<Optimizer::Piece> Optimizer::pieces_of(const ParameterGroup& group, Range elements,
                                                   size_t moment) const {
  std::vector<Piece> pieces;
  for (const Shard& shard : shards_) {
    const Range both = common(shard.elements, elements);
    if (both.size() == 0 && shard.owner != Shard::every_process) continue;
    pieces.push_back(
        {.elements = {both.begin - elements.begin, both.end - elements.begin}, .owner = shard.owner});
    for (const Part& part : parts_)
      if (is_mine(shard) && part.group.members.begin == group.members.begin &&
          common(part.elements, shard.elements).size() > 0)
        pieces.back().here = part.moments[moment].sliced(0, both.begin - part.elements.begin, both.size());
  }
  return pieces;
}

std::vector<Optimizer::Moment> Optimizer::moments() const {
  std::vector<Moment> all;
  for (const ParameterGroup& group : parameter_groups(parameters_, config_))
    for (int64_t i = group.members.begin; i < group.members.end; ++i) {
      const Parameter& p = *parameters_.slab().members[static_cast<size_t>(i)];
      const Range elements = elements_of_member(parameters_, static_cast<size_t>(i));
      for (size_t k = 0; group.rule->moments[k]; ++k)
        all.push_back({join(group.rule->moments[k], ".", p.name), p.shape, pieces_of(group, elements, k)});
    }
  return all;
}

std::vector<Tensor> Optimizer::moments_here() const {
  std::vector<Tensor> all;
  for (const Part& part : parts_) all.insert(all.end(), part.moments.begin(), part.moments.end());
  return all;
}

Tensor Optimizer::Moment::value() const {
  require(pieces.size() == 1 && pieces[0].owner == Piece::every_rank, name, " is divided among ranks");
  return pieces[0].here.viewed(shape);
}

}  // namespace hewn
