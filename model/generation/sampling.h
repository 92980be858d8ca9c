#pragma once
// From logits to the probabilities a token is drawn from.

#include <cstdint>
#include <span>
#include <vector>

namespace hewn {

/// Which tokens may be drawn, and how likely. Applied in this order.
struct SamplingOptions {
  double repetition_penalty = 1;  ///< logits of tokens already there: divided by it if positive, else
                                  ///< multiplied (Keskar et al. 2019, "CTRL", section 4.1)
  double temperature = 1;         ///< 0: always the most likely token (the lowest id of equals)
  int64_t top_k = 0;              ///< the k most likely only; 0: all
  double top_p = 1;  ///< the fewest most likely whose probabilities reach p (Holtzman et al. 2020, "The
                     ///< Curious Case of Neural Text Degeneration", section 3.1)
  double min_p = 0;  ///< those at least so likely as this part of the likeliest (Nguyen et al. 2024,
                     ///< "Turning Up the Heat", section 3)
};

/// Throws ErrorCode::usage for values outside their range.
void check_sampling(const SamplingOptions& options);

/// softmax(logits / temperature) over the tokens that are left, computed in double; the others are 0. Ties go
/// to the lowest id. `seen`: tokens that the repetition penalty counts. Throws ErrorCode::numerical for NaN.
std::vector<double> sampling_distribution(std::vector<double> logits, const SamplingOptions& options,
                                          std::span<const int32_t> seen = {});

/// log(softmax(logits)): what the model itself thinks of each token.
std::vector<double> log_probabilities(const std::vector<double>& logits);

/// The first id whose cumulated probability exceeds u in [0, 1).
int32_t draw(const std::vector<double>& probabilities, double u);

/// The n likeliest ids, the likeliest first; the lower id of equals.
std::vector<int32_t> likeliest(const std::vector<double>& values, size_t n);

}  // namespace hewn
