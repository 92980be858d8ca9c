#pragma once
// Converts logits to the probabilities from which tokens are drawn.

#include <cstdint>
#include <span>
#include <vector>

namespace hewn {

/// Which tokens may be drawn, and with which probabilities. Applied in this order.
struct SamplingOptions {
  double repetition_penalty = 1;  ///< logits of tokens already in the text are divided by it if positive,
                                  ///< otherwise multiplied (Keskar et al. 2019, "CTRL", section 4.1)
  double temperature = 1;         ///< 0: always the most likely token (the lowest id among equals)
  int64_t top_k = 0;              ///< keep only the k most likely tokens; 0: all
  double top_p = 1;  ///< keep the smallest set of most likely tokens with total probability p (Holtzman
                     ///< et al. 2020, "The Curious Case of Neural Text Degeneration", section 3.1)
  double min_p = 0;  ///< keep tokens whose probability is at least this fraction of the most likely
                     ///< token's (Nguyen et al. 2024, "Turning Up the Heat", section 3)
};

/// Throws ErrorCode::usage for values outside their range.
void check_sampling(const SamplingOptions& options);

/// softmax(logits / temperature) over the tokens that may be drawn, computed in double; 0 for the others. Ties
/// go to the lowest id. `seen` holds the tokens already in the text. Throws ErrorCode::numerical for NaN, and if the
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
