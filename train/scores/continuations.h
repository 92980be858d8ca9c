#pragma once
// Log probabilities of given continuations, which decide tasks with choices.

#include <cstdint>
#include <span>
#include <vector>

#include "core/tensor.h"
#include "model/model.h"

namespace hewn {

// The model's predictions of given tokens.

/// A token of the text, and the model's prediction of it.
struct ScoredToken {
  int32_t token = 0;
  double log_probability = 0;  ///< natural
  bool likeliest = false;      ///< no other token is more likely
};

/// The prediction of each target by its row of logits [..., V] (f32 or f64), in order, without those that are
/// `ignored_target`. Throws usage unless their number equals the number of rows, input if one is not in the
/// vocabulary.
std::vector<ScoredToken> score_targets(const Tensor& logits, std::span<const int32_t> targets);

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
