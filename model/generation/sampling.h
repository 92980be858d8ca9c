#pragma once
// From logits to the probabilities with which a token is drawn.

#include <cstdint>
#include <span>
#include <vector>

namespace hewn {

/// Which tokens may be drawn, and with which probability. Applied in this order.
struct SamplingOptions {
  double repetition_penalty = 1;  ///< logits of tokens already in the text are divided by it if positive,
                                  ///< else multiplied (Keskar et al. 2019, "CTRL", section 4.1)
  double temperature = 1;         ///< 0: always the most likely token (the lowest id of equals)
  int64_t top_k = 0;              ///< only the k most likely; 0: all
  double top_p = 1;  ///< the smallest set of most likely ones whose probabilities add up to p (Holtzman et
                     ///< al. 2020, "The Curious Case of Neural Text Degeneration", section 3.1)
  double min_p = 0;  ///< tokens whose probability is at least this fraction of the most likely
                     ///< token's (Nguyen et al. 2024, "Turning Up the Heat", section 3)
};

/// Throws ErrorCode::usage for values outside their range.
void check_sampling(const SamplingOptions& options);

/// softmax(logits / temperature) over the tokens that may be drawn, computed in double; the others are 0. Ties
/// go to the lowest id. `seen`: the tokens already in the text. Throws ErrorCode::numerical for NaN.
std::vector<double> sampling_distribution(std::vector<double> logits, const SamplingOptions& options,
                                          std::span<const int32_t> seen = {});

/// log(softmax(logits)): the model's own log probability of each token.
std::vector<double> log_probabilities(const std::vector<double>& logits);

/// The first id whose cumulative probability exceeds u, 0 <= u < 1.
int32_t draw(const std::vector<double>& probabilities, double u);

/// The n ids with the largest values, largest first; of equals the lower id first.
std::vector<int32_t> likeliest(const std::vector<double>& values, size_t n);

}  // namespace hewn
