#pragma once
// Beam search: looks for the most likely whole text instead of the most likely next token, among a few
// candidates at a time (Graves 2012, "Sequence Transduction with Recurrent Neural Networks", section 2.6).

#include <cstdint>
#include <vector>

#include "model/generation/context.h"
#include "model/model.h"

namespace hewn {

struct BeamOptions {
  int64_t beams = 4;  ///< candidates kept at a time
  int64_t max_new_tokens = 100;
  double length_penalty = 1;  ///< texts are ranked by log P / tokens^length_penalty; larger favours longer
  int64_t n_best = 1;         ///< how many are returned, at most `beams`
  int64_t vocab_size = 0;     ///< as in GenerateOptions
  Slide slide = Slide::half;
  std::vector<int32_t> stop_tokens = {};  ///< end a text; they count in log P and are not part of it
  bool cache = true;
};

struct BeamText {
  std::vector<int32_t> tokens;
  double log_probability = 0;  ///< of all tokens, and of the stop token if it `ended`
  double score = 0;            ///< what it was ranked by
  bool ended = false;          ///< by a stop token, not by max_new_tokens
};

/// The best continuations of `prompt` (at least one token), best first; of equal ones the one with the lower
/// token ids first. Throws ErrorCode::usage for options outside their range.
std::vector<BeamText> beam_search(Model& model, const std::vector<int32_t>& prompt,
                                  const BeamOptions& options);

}  // namespace hewn
