#pragma once
// Text from a model, token by token.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/generation/context.h"
#include "model/generation/sampling.h"
#include "model/model.h"

namespace hewn {

struct GenerateOptions {
  int64_t max_new_tokens = 500;
  double temperature = 1;  ///< this and the next four as in SamplingOptions
  int64_t top_k = 0;
  double top_p = 1;
  double min_p = 0;
  double repetition_penalty = 1;
  uint64_t seed = 1;
  uint64_t sample = 0;     ///< number of the sample; each has its own random numbers
  bool cache = true;       ///< keep keys and values; false computes everything anew: the same up to rounding
  int64_t vocab_size = 0;  ///< only ids below it are drawn, as if there were no others: a model may have more
                           ///< than its tokenizer; 0: all
  Slide slide = Slide::half;
  std::vector<int32_t> stop_tokens = {};  ///< end the text when drawn, and are not part of it

  SamplingOptions sampling() const { return {repetition_penalty, temperature, top_k, top_p, min_p}; }
};

/// A new token, and the logits that it was drawn from.
struct Generated {
  int32_t token = 0;
  const std::vector<double>& logits;
  operator int32_t() const { return token; }  ///< for callers that need only the token
};

/// Continues `prompt` (at least one token) and calls `emit` for each new one; stops early when it returns
/// false. Same model, prompt and options give the same tokens. Returns whether old tokens were dropped from
/// the context (`Slide`).
bool generate(Model& model, const std::vector<int32_t>& prompt, const GenerateOptions& options,
              const std::function<bool(const Generated&)>& emit);

/// One of several texts to generate.
struct GenerateRequest {
  std::vector<int32_t> prompt;
  uint64_t sample = 0;  ///< replaces `GenerateOptions::sample`
};

/// Callbacks while several texts are generated.
struct GenerateEvents {
  std::function<bool(size_t request, const Generated&)> token;  ///< false ends this text
  std::function<void(size_t request, bool slid)> done;          ///< after the last token of each
  std::function<bool()> stop = {};  ///< called before each token: true ends all texts where they are
};

/// The same for several texts, `at_once` (1 or more) at a time. Prompts may be of different lengths; each
/// gets the logits that it gets alone, up to rounding. A text that is done makes room for the next.
void generate(Model& model, const std::vector<GenerateRequest>& requests, const GenerateOptions& options,
              size_t at_once, const GenerateEvents& events);

/// Passes text on until one of the stop strings appears in it. A stop string may arrive in pieces, so text
/// that may be the beginning of one is held back.
class StopStrings {
 public:
  explicit StopStrings(std::vector<std::string> stops);
  /// Adds text and returns what can be shown now; "" once `found`.
  std::string push(std::string_view text);
  /// The text held back, when no more follows.
  std::string finish();
  bool found() const { return found_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool found_ = false;
};

}  // namespace hewn
