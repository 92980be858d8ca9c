#include "model/generation/sampling.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <unordered_set>

#include "core/error.h"
#include "core/text.h"
#include "kernels/contract/contract.h"
#include "kernels/devices/devices.h"
#include "kernels/softmax/abi.h"

namespace hewn {
namespace {

void penalize(std::vector<double>& logits, double penalty, std::span<const int32_t> seen) {
  for (const int32_t id : std::unordered_set<int32_t>(seen.begin(), seen.end())) {
    if (static_cast<size_t>(id) >= logits.size()) continue;  // a prompt token that cannot be drawn
    double& logit = logits[static_cast<size_t>(id)];
    logit = logit > 0 ? logit / penalty : logit * penalty;
  }
}

/// The id of the largest logit.
size_t highest(const std::vector<double>& logits) {
  size_t at = 0;
  double most = logits.at(0);
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] <= most) continue;
    if (std::isnan(logits[i])) fail(ErrorCode::numerical, "the model's logits contain NaN");
    at = i, most = logits[i];
  }
  if (std::isinf(most)) fail(ErrorCode::numerical, "the largest of the model's logits is ", most);
  return at;
}

bool keeps(const SamplingOptions& options, const NextToken& next) {
  for (const SamplingMethod& method : sampling_methods)
    if (method.keeps && !method.keeps(options, next)) return false;
  return true;
}

bool cuts(const SamplingOptions& options) {
  for (const SamplingMethod& method : sampling_methods)
    if (method.keeps && method.key.get(options) != method.key.get({})) return true;
  return false;
}

/// The number of tokens that may be drawn, at least one. `order`: the most likely ids, in descending order; `all`: the
/// probability of what top_k keeps.
size_t kept(const std::vector<double>& p, const std::vector<int32_t>& order, const SamplingOptions& options,
            double all) {
  size_t n = 0;
  const double most = p[static_cast<size_t>(order[0])];
  for (double sum = 0; n < order.size(); ++n) {
    const double next = p[static_cast<size_t>(order[n])];
    if (!keeps(options, {static_cast<int64_t>(n), next, sum, most, all})) break;
    sum += next;
  }
  return std::max<size_t>(n, 1);
}

double sum_of(const std::vector<double>& p, const std::vector<int32_t>& ids) {
  double sum = 0;
  for (const int32_t id : ids) sum += p[static_cast<size_t>(id)];
  return sum;
}

/// The tokens that may be drawn. Avoids sorting the whole vocabulary: tries a few of the most
/// likely tokens first, then more.
std::vector<int32_t> left_over(const std::vector<double>& p, const SamplingOptions& options) {
  const size_t most = options.top_k == 0 ? p.size() : std::min(p.size(), static_cast<size_t>(options.top_k));
  for (size_t tried = options.top_k == 0 ? 64 : most;; tried *= 8) {
    std::vector<int32_t> order = likeliest(p, tried);
    const size_t n = kept(p, order, options, options.top_k > 0 ? sum_of(p, order) : 1);
    if (n == order.size() && n < most) continue;
    order.resize(n);
    return order;
  }
}

}  // namespace

std::string sampling_names(std::string_view separator) {
  return list_text(sampling_methods, separator, [](const SamplingMethod& method) { return method.key.name; });
}

void check_sampling(const SamplingOptions& options) {
  for (const auto& [key, usual, keeps] : sampling_methods)
    require_allowed(key.name, key.domain, key.get(options));
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

std::vector<double> sampling_distribution(std::span<const double> logits, const SamplingOptions& options,
                                          std::span<const int32_t> seen) {
  check_sampling(options);
  std::vector<double> p(logits.begin(), logits.end());
  if (options.repetition_penalty != 1) penalize(p, options.repetition_penalty, seen);
  const size_t first = highest(p);
  const double most = p[first];
  if (options.temperature == 0) {
    std::fill(p.begin(), p.end(), 0.0);
    p[first] = 1;
    return p;
  }
  if (options.temperature != 1)
    for (double& logit : p) logit = (logit - most) / options.temperature;
  run(cpu(), SoftmaxForward{DType::f64, 1, std::ssize(p), p.data(), p.data()});
  if (!cuts(options)) return p;
  const std::vector<int32_t> left = left_over(p, options);
  const double sum = sum_of(p, left);
  std::vector<double> rest(p.size(), 0.0);
  for (const int32_t id : left) rest[static_cast<size_t>(id)] = p[static_cast<size_t>(id)] / sum;
  return rest;
}

std::vector<double> log_probabilities(const std::vector<double>& logits) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit - highest);
  std::vector<double> logs;
  for (const double logit : logits) logs.push_back(logit - highest - std::log(sum));
  return logs;
}

// Whole blocks are passed by their sums, whose additions do not wait for each other.
int32_t draw(const std::vector<double>& probabilities, double u) {
  constexpr size_t block = 64;
  double below = 0;
  for (size_t begin = 0; begin < probabilities.size(); begin += block) {
    const size_t end = std::min(begin + block, probabilities.size());
    std::array<double, 4> sums{};
    for (size_t i = begin; i < end; i += sums.size())
      for (size_t k = 0; k < std::min(sums.size(), end - i); ++k) sums[k] += probabilities[i + k];
    const double after = below + ((sums[0] + sums[1]) + (sums[2] + sums[3]));
    if (u < after) {
      double sum = below;
      for (size_t i = begin; i < end; ++i)
        if (sum += probabilities[i]; u < sum && probabilities[i] > 0) return static_cast<int32_t>(i);
    }
    below = after;
  }
  for (size_t i = probabilities.size(); i-- > 0;)  // rounding left the sum slightly below u
    if (probabilities[i] > 0) return static_cast<int32_t>(i);
  return 0;
}

}  // namespace hewn
