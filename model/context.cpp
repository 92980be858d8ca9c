#include "model/context.h"

#include <cstddef>

namespace hewn {

Context::Context(Model& model, bool use_cache)
    : model_(model),
      limit_(model.config().block_size),
      cache_(use_cache && model.uses_cache()
                 ? std::make_unique<KvCache>(model.config(), model.device(), model.parameters().dtype(), 1,
                                             limit_)
                 : nullptr) {}

void Context::push(const std::vector<int32_t>& tokens) {
  if (static_cast<int64_t>(tokens_[0].size()) == limit_) {
    for (std::vector<int32_t>& sequence : tokens_)
      sequence.erase(sequence.begin(), sequence.end() - (limit_ / 2));
    seen_ = 0;
    if (cache_) cache_->clear();
  }
  for (size_t b = 0; b < tokens_.size(); ++b) tokens_[b].push_back(tokens[b]);
}

std::vector<double> Context::next_logits() {
  const auto from = static_cast<std::ptrdiff_t>(cache_ ? seen_ : 0);
  std::vector<int32_t> fresh;  // [B, T]
  for (const std::vector<int32_t>& sequence : tokens_)
    fresh.insert(fresh.end(), sequence.begin() + from, sequence.end());
  const int64_t B = sequences(), T = static_cast<int64_t>(fresh.size()) / B;
  seen_ = tokens_[0].size();
  return model_
      .logits(Tensor::from(model_.device(), fresh, {B, T}), {.cache = cache_.get(), .last_only = true})
      .doubles();
}

void Context::select(const std::vector<int64_t>& sequences) {
  std::vector<std::vector<int32_t>> chosen;
  for (const int64_t b : sequences) chosen.push_back(tokens_[static_cast<size_t>(b)]);
  tokens_ = std::move(chosen);
  if (cache_) cache_->select(sequences);
}

}  // namespace hewn
