#pragma once
// Converts logits to the probabilities from which tokens are drawn.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/keys.h"

namespace hewn {

/// The options that determine which tokens may be drawn, and their probabilities.
struct SamplingOptions {
  double repetition_penalty = 1;
  double temperature = 1;
  int64_t top_k = 0;
  double top_p = 1;
  double min_p = 0;
};

/// The next candidate, in the order of falling probability.
struct NextToken {
  int64_t rank;   ///< number of tokens before it
  double p;       ///< its probability
  double before;  ///< the sum of the probabilities of the tokens before it
  double most;    ///< probability of the most likely token
  double all;     ///< total probability of the tokens that top_k keeps
};

/// One method of changing the distribution.
struct SamplingMethod {
  Key<SamplingOptions> key;
  double usual;  ///< a value that shows its effect, for comparisons
  /// Whether the candidate is kept; the first one rejected and all less likely ones cannot be drawn. Null:
  /// the method changes the logits.
  bool (*keeps)(const SamplingOptions& options, const NextToken& next) = nullptr;
};

/// All methods, in the order of application. Command options, their checks and `hewn sample --compare` read
/// this table.
inline constexpr SamplingMethod sampling_methods[] = {
    // Keskar et al. 2019, "CTRL", section 4.1: logits of tokens in the text are divided by it if positive,
    // else multiplied.
    {key<&SamplingOptions::repetition_penalty>(
         "repetition_penalty", Change::always, Reals{1e-3, 1e3},
         "above 1 makes tokens that have already occurred less likely, below 1 more likely (1: no change)"),
     1.2},
    {key<&SamplingOptions::temperature>("temperature", Change::always, Reals{0, 1e3},
                                        "divides the logits: below 1 sharpens the distribution, above 1 "
                                        "flattens it; 0 always takes the most likely token"),
     1},
    {key<&SamplingOptions::top_k>("top_k", Change::always, Integers{0, 1 << 24},
                                  "keep only the k most likely tokens (0: all)"),
     10, [](const SamplingOptions& o, const NextToken& next) { return o.top_k == 0 || next.rank < o.top_k; }},
    // Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", section 3.1.
    {key<&SamplingOptions::top_p>(
         "top_p", Change::always, Reals{.least = 0, .most = 1, .least_excluded = true},
         "keep the smallest set of most likely tokens whose probabilities sum to this (1: all)"),
     0.9, [](const SamplingOptions& o, const NextToken& next) { return next.before < o.top_p * next.all; }},
    // Nguyen et al. 2024, "Turning Up the Heat", section 3.
    {key<&SamplingOptions::min_p>("min_p", Change::always, Reals{0, 1},
                                  "keep tokens whose probability is at least this fraction of the most "
                                  "likely token's (0: all)"),
     0.1, [](const SamplingOptions& o, const NextToken& next) { return next.p >= o.min_p * next.most; }},
};

/// The names of all methods: "repetition_penalty temperature top_k", with another separator if given.
std::string sampling_names(std::string_view separator = " ");

/// Throws ErrorCode::usage for values outside their range.
void check_sampling(const SamplingOptions& options);

/// The probabilities of the tokens that may be drawn, computed in double; 0 for the others. Ties go to the lowest id; at
/// temperature 0, the most likely token has probability 1. `seen` holds the tokens already in the text. Throws ErrorCode::numerical for NaN, and if the
/// largest logit is infinite.
std::vector<double> sampling_distribution(std::span<const double> logits, const SamplingOptions& options,
                                          std::span<const int32_t> seen = {});

/// log(softmax(logits)): the model's own log probability of each token.
std::vector<double> log_probabilities(const std::vector<double>& logits);

/// The first id whose cumulative probability exceeds u, for 0 <= u < 1.
int32_t draw(const std::vector<double>& probabilities, double u);

/// The ids of the n largest values, largest first; among equals, the lower id first.
std::vector<int32_t> likeliest(const std::vector<double>& values, size_t n);

}  // namespace hewn
