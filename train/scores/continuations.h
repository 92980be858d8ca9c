#pragma once
// Log probabilities of given continuations, which decide tasks with choices.

#include <cstdint>
#include <span>
#include <vector>

#include "model/model.h"
#include "train/scores/token_scores.h"

namespace hewn {

/// A sequence of tokens; those from `begin` on are scored. 1 <= begin < tokens.size().
struct Continuation {
  std::vector<int32_t> tokens;
  int64_t begin = 1;
};

/// Sequences that are compared with each other, such as the choices of a question. Their common prefix is
/// computed once.
using Alternatives = std::vector<Continuation>;

/// Limits of one pass through the model. They affect results only by rounding.
struct PassLimits {
  int64_t tokens = 4096;                     ///< in one pass
  int64_t logits_bytes = int64_t{64} << 20;  ///< of one pass; at least one sequence is always computed
  int64_t cache_bytes = int64_t{256} << 20;  ///< of the keys and values of shared prefixes
};

/// The scored tokens of every sequence: result[question][choice]. Sequences of the same batch are padded at the right.
/// The lengths alone determine the batches, so that the results have the same bits for any number of threads.
/// Throws usage if a sequence has more than block_size + 1 tokens, since the last token is only predicted.
std::vector<std::vector<std::vector<ScoredToken>>> score_continuations(
    Model& model, std::span<const Alternatives> questions, const PassLimits& limits = {});

}  // namespace hewn
