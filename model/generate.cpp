#include "model/generate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/rng.h"

namespace hewn {
namespace {

/// The first id whose cumulated probability exceeds u in [0, 1).
int32_t draw(const std::vector<double>& probabilities, double u) {
  double sum = 0;
  int32_t last = 0;
  for (size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] == 0) continue;
    last = static_cast<int32_t>(i);
    sum += probabilities[i];
    if (u < sum) return last;
  }
  return last;  // rounding left the sum a hair below u
}

/// The tokens the model sees, and what it remembers of them.
class Context {
 public:
  Context(Model& model, bool use_cache)
      : model_(model),
        limit_(model.config().block_size),
        cache_(use_cache && model.uses_cache()
                   ? std::make_unique<KvCache>(model.config(), model.device(), model.parameters().dtype(), 1,
                                               limit_)
                   : nullptr) {}

  void push(int32_t token) {
    if (static_cast<int64_t>(tokens_.size()) == limit_) {
      tokens_.erase(tokens_.begin(), tokens_.end() - (limit_ / 2));
      seen_ = 0;
      if (cache_) cache_->clear();
    }
    tokens_.push_back(token);
  }

  /// Logits of what follows.
  std::vector<double> next_logits() {
    const size_t from = cache_ ? seen_ : 0;
    const std::vector<int32_t> fresh(tokens_.begin() + static_cast<std::ptrdiff_t>(from), tokens_.end());
    const Tensor input = Tensor::from(model_.device(), fresh, {1, static_cast<int64_t>(fresh.size())});
    seen_ = tokens_.size();
    return model_.logits(input, {.cache = cache_.get(), .last_only = true}).doubles();
  }

 private:
  Model& model_;
  int64_t limit_;
  std::unique_ptr<KvCache> cache_;
  std::vector<int32_t> tokens_;
  size_t seen_ = 0;  // tokens the cache holds
};

}  // namespace

std::vector<double> sampling_distribution(const std::vector<double>& logits, double temperature,
                                          int64_t top_k) {
  require(temperature >= 0 && std::isfinite(temperature), "temperature = ", temperature,
          "; 0 or more is needed");
  require(top_k >= 0, "top_k = ", top_k, "; 0 (all) or more is needed");
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const size_t keep = temperature == 0 ? 1
                      : top_k == 0     ? order.size()
                                       : std::min(order.size(), static_cast<size_t>(top_k));
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(keep), order.end(),
      [&](size_t a, size_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  for (const double logit : logits)
    if (std::isnan(logit)) fail(ErrorCode::numerical, "the model's logits are not numbers (NaN)");
  std::vector<double> probabilities(logits.size(), 0.0);
  double sum = 0;
  for (size_t i = 0; i < keep; ++i) {
    const double gap = logits[order[i]] - logits[order[0]];
    const double p = i == 0 ? 1.0 : std::exp(gap / temperature);
    probabilities[order[i]] = p;
    sum += p;
  }
  for (double& p : probabilities) p /= sum;
  return probabilities;
}

void generate(Model& model, const std::vector<int32_t>& prompt, const GenerateOptions& options,
              const std::function<bool(int32_t token)>& emit) {
  require(!prompt.empty(), "generation needs a prompt of at least one token");
  const NoGrad none;
  const Scope scope("generate");
  Rng rng(options.seed, options.sample);
  Context context(model, options.cache);
  for (const int32_t token : prompt) context.push(token);
  for (int64_t n = 0; n < options.max_new_tokens; ++n) {
    const auto probabilities =
        sampling_distribution(context.next_logits(), options.temperature, options.top_k);
    const int32_t token = draw(probabilities, rng.uniform_double());
    if (!emit(token)) return;
    context.push(token);
  }
}

}  // namespace hewn
