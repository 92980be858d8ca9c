#pragma once
// Beam search: keeps the most likely texts at every step, to find a text that is more likely than the greedy
// one (Graves 2012, "Sequence Transduction with Recurrent Neural Networks", section 2.6).

#include <cstdint>
#include <vector>

#include "model/generation/context.h"
#include "model/model.h"

namespace hewn {

struct BeamOptions {
  int64_t beams = 4;  ///< candidates kept at each step
  int64_t max_new_tokens = 100;
  double length_penalty = 1;  ///< texts are ranked by log P / tokens^length_penalty; larger favours longer
  int64_t n_best = 1;         ///< number of texts returned, at most `beams`
  ContextOptions context = {};
  std::vector<int32_t> stop_tokens = {};  ///< end a text; counted in log P, not part of the text
};

struct BeamText {
  std::vector<int32_t> tokens;
  double log_probability = 0;  ///< of all tokens, and of the stop token if it `ended`
  double score = 0;            ///< the rank criterion: log P / tokens^length_penalty
  bool ended = false;          ///< by a stop token rather than max_new_tokens
};

/// The best continuations of `prompt` (at least one token), best first. Among equal scores, lower token ids
/// come first. Throws ErrorCode::usage for options outside their range.
std::vector<BeamText> beam_search(Model& model, const std::vector<int32_t>& prompt,
                                  const BeamOptions& options);

}  // namespace hewn
