// Every way of cutting and bending a distribution against the same one done naively.

#include "model/generation/sampling.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/env.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

/// Each step as its paper words it, over all tokens, with nothing saved: a token stays if those likelier than
/// it leave room for it.
std::vector<double> naive_distribution(std::vector<double> logits, const SamplingOptions& o,
                                       const std::vector<int32_t>& seen) {
  const size_t V = logits.size();
  for (size_t i = 0; i < V; ++i)
    if (std::find(seen.begin(), seen.end(), static_cast<int32_t>(i)) != seen.end())
      logits[i] = logits[i] > 0 ? logits[i] / o.repetition_penalty : logits[i] * o.repetition_penalty;
  const auto likelier = [&](size_t a, size_t b) {
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
  };
  const auto before = [&](size_t i) {  // the tokens that come before i, the likeliest first
    std::vector<size_t> ids;
    for (size_t j = 0; j < V; ++j)
      if (likelier(j, i)) ids.push_back(j);
    return ids;
  };
  std::vector<double> p(V);
  const auto normalise = [&] {
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& x : p) x /= sum;
  };
  for (size_t i = 0; i < V; ++i) {
    if (o.temperature == 0)
      p[i] = before(i).empty();
    else
      p[i] = std::exp(logits[i] / o.temperature);
  }
  if (o.temperature == 0) return p;
  for (size_t i = 0; i < V; ++i)
    if (o.top_k > 0 && static_cast<int64_t>(before(i).size()) >= o.top_k) p[i] = 0;
  normalise();
  const std::vector<double> all = p;
  const double highest = *std::max_element(all.begin(), all.end());
  for (size_t i = 0; i < V; ++i) {
    double sum = 0;
    for (const size_t j : before(i)) sum += all[j];
    const bool first = before(i).empty();
    if (!first && o.top_p < 1 && sum >= o.top_p) p[i] = 0;
    if (!first && all[i] < o.min_p * highest) p[i] = 0;
  }
  normalise();
  return p;
}

}  // namespace

TEST_CASE("sampling distribution: each method and all combined equal a naive implementation", "[sampling]") {
  test::Random random("logits");
  for (int round = 0; round < 400; ++round) {
    const auto V = static_cast<size_t>(random.integer(1, round % 10 == 0 ? 300 : 40));
    std::vector<double> logits;
    for (size_t i = 0; i < V; ++i)
      logits.push_back(round % 3 == 0 ? static_cast<double>(random.integer(-3, 3)) : random.uniform(-6, 6));
    std::vector<int32_t> seen;
    for (int i = 0; i < 5; ++i)
      seen.push_back(static_cast<int32_t>(random.integer(0, static_cast<int64_t>(V) - 1)));
    // One method at a time, then several.
    SamplingOptions o;
    const int64_t method = round % 7;
    if (method == 0 || method >= 5) o.repetition_penalty = random.uniform(0.5, 3);
    if (method == 1 || method >= 5) o.temperature = random.uniform(0.2, 3);
    if (method == 2 || method >= 5) o.top_k = random.integer(1, 20);
    if (method == 3 || method >= 5) o.top_p = random.uniform(0.05, 0.999);
    if (method == 4 || method == 6) o.min_p = random.uniform(0, 0.9);
    if (round % 50 == 49) o.temperature = 0;
    INFO("round " << round << ", V = " << V);
    CHECK(
        test::close_abs(sampling_distribution(logits, o, seen), naive_distribution(logits, o, seen), 1e-12));
  }
}

TEST_CASE("sampling distribution: as the processors of transformers make it", "[sampling]") {
  using nlohmann::json;
  for (const json& c : json::parse(test::read_file(test::source_dir() / "tests/fixtures/sampling.json"))) {
    INFO(c.dump());
    SamplingOptions options;
    for (const auto& [key, usual, keeps] : sampling_methods)
      if (c.at("options").contains(std::string(key.name))) {
        const json& value = c["options"][std::string(key.name)];
        key.set(options, value.is_number_integer() && std::holds_alternative<Integers>(key.domain)
                             ? KeyValue(value.get<int64_t>())
                             : KeyValue(value.get<double>()));
      }
    CHECK(test::close_abs(sampling_distribution(c.at("logits").get<std::vector<double>>(), options,
                                                c.at("seen").get<std::vector<int32_t>>()),
                          c.at("probabilities").get<std::vector<double>>(), 1e-12));
  }
}

TEST_CASE("draw: the token at which the cumulative probability exceeds u", "[sampling]") {
  test::Random random("weights");
  for (int round = 0; round < 200; ++round) {
    std::vector<double> p;
    const int64_t V = random.integer(1, round % 2 == 0 ? 20 : 500);
    for (int64_t i = 0; i < V; ++i) p.push_back(random.integer(0, 2) == 0 ? 0 : random.uniform(0, 1));
    p[static_cast<size_t>(random.integer(0, V - 1))] = 1;
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& x : p) x /= sum;
    const double u = random.uniform(0, 1);
    const auto token = static_cast<size_t>(draw(p, u));
    CHECK(p[token] > 0);
    const double before = std::accumulate(p.begin(), p.begin() + static_cast<std::ptrdiff_t>(token), 0.0);
    CHECK(before <= u + 1e-12);
    CHECK(u <= before + p[token] + 1e-12);
    const auto last = std::find_if(p.rbegin(), p.rend(), [](double x) { return x > 0; });
    CHECK(draw(p, 1) == p.rend() - last - 1);  // beyond what the sum reaches
  }
}

}  // namespace hewn
