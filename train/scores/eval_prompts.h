#pragma once
// Questions of a task as tokens.

#include <cstdint>
#include <vector>

#include "model/texts/texts.h"
#include "train/scores/continuations.h"
#include "train/scores/eval_task.h"

namespace hewn {

/// A question as sequences to score, one for each choice.
struct EvalPrompt {
  Alternatives choices;
  /// For each choice, the first token of its continuation.
  std::vector<int64_t> continuation;
  /// For each choice, the first token that counts in its mean log probability, as in the CORE benchmark. For
  /// `multiple_choice`, the first token that differs between choices; for `schema`, the first after which all
  /// are equal.
  std::vector<int64_t> decisive;
  bool cut = false;  ///< whether tokens were dropped from the left, so that the question fits
};

/// The format of a task's questions.
struct EvalFormat {
  int64_t block_size = 0;  ///< of the model
  uint64_t seed = 1;       ///< draws the shots
};

/// The text before the continuation of row `row`, with context number `context`: the shots, each with its right
/// continuation and an empty line after it, the row's own context, and the delimiter. Shots are other rows of
/// the task, drawn without replacement by seed and row.
std::string eval_context(const EvalTask& task, size_t row, size_t context, uint64_t seed);

/// Encodes a row as lm-evaluation-harness does: blanks at the end of the context move to the continuation;
/// the continuation's tokens are those of the whole text after the first n, where n is the number of tokens
/// of the context. The begin token comes first if the tokenizer has one; an empty context becomes the begin
/// token, the end token, or a newline. At most block_size + 1 tokens remain, those at the end. Throws
/// ErrorCode::input, naming file and line, for a continuation of more than block_size tokens and for text
/// that the tokenizer cannot express.
EvalPrompt eval_prompt(const EvalTask& task, size_t row, const TextEncoder& texts, const EvalFormat& format);

}  // namespace hewn
