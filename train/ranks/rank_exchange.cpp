#include "train/ranks/rank_exchange.h"

#include "core/error.h"
#include "kernels/contract/contract.h"
#include "train/ranks/agreement.h"
#include "train/step/rules.h"

namespace hewn {

int64_t Ranks::groups_of_each(int64_t groups) const {
  require(groups % size() == 0, "the gradients of ", groups,
          " groups of micro-steps cannot be divided among ", size(),
          " ranks; give a multiple of that number as grad_shards");
  return groups / size();
}

std::unique_ptr<StepExchange> Ranks::exchange(const ExchangeParts& parts) {
  if (alone()) return std::make_unique<StepExchange>();
  return std::make_unique<RankExchange>(*this, parts);
}

Ranks* ranks_of(const Trainer& trainer) {
  const auto* const exchange = dynamic_cast<const RankExchange*>(&trainer.exchange());
  return exchange ? &exchange->ranks() : nullptr;
}

RankExchange::RankExchange(Ranks& ranks, const ExchangeParts& parts)
    : ranks_(ranks),
      parameters_(parts.parameters),
      check_interval_(parts.config.check_interval),
      route_(ranks, executor(parameters_.device())),
      slices_(ranks.slices(blocks_of(parameters_, parts.config.optimizer), parameters_.dtype())),
      gradients_(parameters_, parts.groups, ranks, slices_) {
  if (parts.config.optimizer.shard) values_.emplace(parameters_, ranks, slices_);
}

/// Every micro-step has a place for its loss: they are added in the order of all micro-steps.
void RankExchange::begin(int64_t micro_steps) {
  if (losses_.defined() && losses_.numel() == micro_steps) return;  // graphs know where they are
  const MemUseScope use(MemUse::optimizer);
  losses_ = Tensor::empty(parameters_.device(), DType::f64, {micro_steps});
}

std::optional<double> RankExchange::finish(int64_t step) {
  ranks_.settle();  // a device that waits for a rank that has ended would wait for ever
  // Now, since the update replaces what may have gone bad since the last one.
  if (check_interval_ > 0 && (step + 1) % check_interval_ == 0)
    require_same_parameters(parameters_, ranks_, step, values_.has_value());
  const bool runs = executor(parameters_.device()).runs();  // a planned step has no losses
  const auto mine =
      runs ? losses_.values<double>() : std::vector<double>(static_cast<size_t>(losses_.numel()));
  double loss = 0;
  for (const std::vector<double>& theirs : ranks_.gather(mine))
    for (const double part : theirs) loss += part;
  if (!values_) gather_gradients();
  return loss;
}

std::vector<Shard> RankExchange::shards(int64_t n) const {
  if (!values_) return StepExchange::shards(n);
  std::vector<Shard> shards;
  for (int64_t bucket = 0; bucket < slices_.buckets(); ++bucket)
    for (int rank = 0; rank < ranks_.size(); ++rank)
      shards.push_back({.elements = slices_.elements(bucket, rank), .owner = rank});
  return shards;
}

void RankExchange::gather_squares(Tensor& squares) {
  if (!values_) return;
  ranks_.all_gather_blocks(squares, slices_);
  values_->finish();
}

std::vector<Range> RankExchange::gather_updated() {
  if (!values_) return {};
  values_->gather();
  return values_->by_value();
}

void RankExchange::gather_gradients() {
  ranks_.all_gather(elements_of(*parameters_.slab().grads, parameters_.dtype()), slices_);
}

void RankExchange::gather_values() {
  if (values_) values_->complete();
}

}  // namespace hewn
