#pragma once
// Text from a model, token by token.

#include <cstdint>
#include <functional>
#include <vector>

#include "model/model.h"

namespace hewn {

struct GenerateOptions {
  int64_t max_new_tokens = 500;
  double temperature = 1;  ///< 0: always the most likely token (the lowest id of equals)
  int64_t top_k = 0;       ///< draw among the k most likely only; 0: among all
  uint64_t seed = 1;
  uint64_t sample = 0;  ///< number of the sample: each has random numbers of its own
  bool cache = true;    ///< keep keys and values; false computes everything anew: the same up to rounding
};

/// Continues `prompt` (at least one token) and calls `emit(token)` for each new one; stops early when it
/// returns false. Same model, prompt and options give the same tokens. A context that has reached block_size
/// goes on with its newest half, so that a new token costs one row instead of a whole context.
void generate(Model& model, const std::vector<int32_t>& prompt, const GenerateOptions& options,
              const std::function<bool(int32_t token)>& emit);

/// The probabilities a token is drawn from: softmax(logits / temperature) among the top_k most likely (ties
/// go to the lowest id), computed in double; the rest are 0. Temperature 0 puts all on the most likely.
std::vector<double> sampling_distribution(const std::vector<double>& logits, double temperature,
                                          int64_t top_k);

}  // namespace hewn
