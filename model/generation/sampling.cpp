#include "model/generation/sampling.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <unordered_set>

#include "core/error.h"

namespace hewn {
namespace {

void penalize(std::vector<double>& logits, double penalty, std::span<const int32_t> seen) {
  for (const int32_t id : std::unordered_set<int32_t>(seen.begin(), seen.end())) {
    if (static_cast<size_t>(id) >= logits.size()) continue;  // a prompt token that cannot be drawn
    double& logit = logits[static_cast<size_t>(id)];
    logit = logit > 0 ? logit / penalty : logit * penalty;
  }
}

/// The number of tokens that top_p and min_p keep. `order`: the most likely ids, in descending order; `all`:
/// the total weight to which top_p refers.
size_t kept(const std::vector<double>& weights, const std::vector<int32_t>& order,
            const SamplingOptions& options, double all) {
  size_t n = 0;
  for (double sum = 0; n < order.size() && sum < options.top_p * all; ++n) {
    const double weight = weights[static_cast<size_t>(order[n])];
    if (weight < options.min_p * weights[static_cast<size_t>(order[0])]) break;
    sum += weight;
  }
  return std::max<size_t>(n, 1);
}

/// The tokens that top_k, top_p and min_p keep. Avoids sorting the whole vocabulary: tries a few of the most
/// likely tokens first, then more.
std::vector<int32_t> left_over(const std::vector<double>& weights, const SamplingOptions& options) {
  const size_t most =
      options.top_k == 0 ? weights.size() : std::min(weights.size(), static_cast<size_t>(options.top_k));
  for (size_t tried = options.top_k == 0 ? 64 : most;; tried *= 8) {
    std::vector<int32_t> order = likeliest(weights, tried);
    double all = 0;
    if (options.top_k > 0)
      for (const int32_t id : order) all += weights[static_cast<size_t>(id)];
    else
      all = std::accumulate(weights.begin(), weights.end(), 0.0);
    const size_t n = kept(weights, order, options, all);
    if (n == order.size() && n < most) continue;
    order.resize(n);
    return order;
  }
}

}  // namespace

void check_sampling(const SamplingOptions& o) {
  const auto within = [](const char* name, double value, bool ok, const char* expected) {
    require(ok && std::isfinite(value), name, " = ", value, "; expected ", expected);
  };
  within("repetition_penalty", o.repetition_penalty, o.repetition_penalty > 0, "more than 0 (1: none)");
  within("temperature", o.temperature, o.temperature >= 0, "0 or more");
  require(o.top_k >= 0, "top_k = ", o.top_k, "; expected 0 (all) or more");
  within("top_p", o.top_p, o.top_p > 0 && o.top_p <= 1, "more than 0, at most 1 (all)");
  within("min_p", o.min_p, o.min_p >= 0 && o.min_p <= 1, "0 (all) to 1");
}

std::vector<int32_t> likeliest(const std::vector<double>& values, size_t n) {
  std::vector<int32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  n = std::min(n, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(), [&](int32_t a, int32_t b) {
        const double left = values[static_cast<size_t>(a)], right = values[static_cast<size_t>(b)];
        return left != right ? left > right : a < b;
      });
  order.resize(n);
  return order;
}

std::vector<double> sampling_distribution(std::vector<double> logits, const SamplingOptions& options,
                                          std::span<const int32_t> seen) {
  check_sampling(options);
  for (const double logit : logits)
    if (std::isnan(logit)) fail(ErrorCode::numerical, "the model's logits contain NaN");
  if (options.repetition_penalty != 1) penalize(logits, options.repetition_penalty, seen);
  const auto first = std::max_element(logits.begin(), logits.end());
  std::vector<double> weights(logits.size(), 0.0);
  if (options.temperature == 0) {
    weights[static_cast<size_t>(first - logits.begin())] = 1;
    return weights;
  }
  for (size_t i = 0; i < logits.size(); ++i)
    weights[i] = std::exp((logits[i] - *first) / options.temperature);
  if (options.top_k > 0 || options.top_p < 1 || options.min_p > 0) {
    std::vector<double> rest(logits.size(), 0.0);
    for (const int32_t id : left_over(weights, options))
      rest[static_cast<size_t>(id)] = weights[static_cast<size_t>(id)];
    weights = std::move(rest);
  }
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= sum;
  return weights;
}

std::vector<double> log_probabilities(const std::vector<double>& logits) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit - highest);
  std::vector<double> logs;
  for (const double logit : logits) logs.push_back(logit - highest - std::log(sum));
  return logs;
}

int32_t draw(const std::vector<double>& probabilities, double u) {
  double sum = 0;
  int32_t last = 0;
  for (size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] == 0) continue;
    last = static_cast<int32_t>(i);
    sum += probabilities[i];
    if (u < sum) return last;
  }
  return last;  // rounding left the sum slightly below u
}

}  // namespace hewn
