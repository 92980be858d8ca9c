#include "train/inspect/lens/logit_lens.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hewn {
namespace {

// The probabilities of each position, [T, V].
std::vector<double> probabilities_of(std::vector<double> logits, size_t V) {
  for (size_t begin = 0; begin < logits.size(); begin += V) {
    const auto first = logits.begin() + static_cast<std::ptrdiff_t>(begin),
               last = first + static_cast<std::ptrdiff_t>(V);
    const double most = *std::max_element(first, last);
    double sum = 0;
    std::for_each(first, last, [&](double& v) { sum += v = std::exp(v - most); });
    std::for_each(first, last, [&](double& v) { v /= sum; });
  }
  return logits;
}

// The `top` largest of n values; equal ones by their number, NaN last.
std::vector<TokenShare> largest(const double* values, size_t n, size_t top) {
  std::vector<int32_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  const auto key = [&](int32_t i) { return std::isnan(values[i]) ? -HUGE_VAL : values[i]; };
  top = std::min(top, n);
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(top), order.end(),
                    [&](int32_t a, int32_t b) { return key(a) != key(b) ? key(a) > key(b) : a < b; });
  std::vector<TokenShare> out;
  for (size_t i = 0; i < top; ++i) out.push_back({order[i], values[order[i]]});
  return out;
}

Tensor first_positions(const Tensor& stream, size_t n) {
  return stream.sliced(1, 0, static_cast<int64_t>(n)).clone();
}

}  // namespace

std::vector<LensCell> lens_cells(Gpt& model, const Tensor& stream, const std::vector<int32_t>& targets,
                                 size_t top) {
  const Tensor logits = model.logits_of(first_positions(stream, targets.size()));
  const auto V = static_cast<size_t>(logits.cols());
  const std::vector<double> p = probabilities_of(logits.doubles(), V);
  std::vector<LensCell> cells;
  for (size_t t = 0; t < targets.size(); ++t) {
    const double* const row = &p[t * V];
    const double target = row[targets[t]];
    cells.push_back(
        {largest(row, V, top), target, std::count_if(row, row + V, [&](double q) { return q > target; })});
  }
  return cells;
}

HeadPush head_push(Gpt& model, const Tensor& stream, const std::vector<int32_t>& targets, size_t top) {
  const Tensor states = first_positions(stream, targets.size()), logits = model.logits_of(states);
  const std::vector<double> x = model.head_input(states).doubles();
  const size_t T = targets.size(), V = static_cast<size_t>(logits.cols()), C = x.size() / T;
  std::vector<double> p = probabilities_of(logits.doubles(), V);
  HeadPush push;
  for (size_t t = 0; t < T; ++t) {
    double* const row = &p[t * V];
    PositionPush at{.target = targets[t], .probability = row[targets[t]], .down = {}};
    for (const TokenShare& likely : largest(row, V, top + 1))
      if (likely.token != at.target && at.down.size() < top) at.down.push_back(likely);
    push.positions.push_back(std::move(at));
    row[targets[t]] -= 1;
    for (size_t v = 0; v < V; ++v) row[v] /= static_cast<double>(T);  // now dlogits
  }
  // Products of states with each other and with their mean, so that dW itself, [V, C], need not be stored.
  std::vector<double> products(T * T), with_mean(T);
  for (size_t s = 0; s < T; ++s)
    for (size_t t = 0; t < T; ++t) {
      products[s * T + t] = std::inner_product(&x[s * C], &x[s * C] + C, &x[t * C], 0.0);
      with_mean[s] += products[s * T + t] / static_cast<double>(T);
    }
  std::vector<double> rises(V), falls(V);
  push.row_norms.resize(V);
  for (size_t v = 0; v < V; ++v) {
    double square = 0;
    for (size_t s = 0; s < T; ++s) {
      const double d = p[s * V + v];
      rises[v] -= d * with_mean[s];
      double sum = 0;
      for (size_t t = 0; t < T; ++t) sum += products[s * T + t] * p[t * V + v];
      square += d * sum;
    }
    push.row_norms[v] = std::sqrt(std::max(square, 0.0));
    falls[v] = -rises[v];
  }
  push.up = largest(rises.data(), V, top);
  push.down = largest(falls.data(), V, top);
  for (TokenShare& token : push.down) token.share = -token.share;
  return push;
}

}  // namespace hewn
