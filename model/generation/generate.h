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
  double temperature = 1;  ///< these five as in SamplingOptions
  int64_t top_k = 0;
  double top_p = 1;
  double min_p = 0;
  double repetition_penalty = 1;
  uint64_t seed = 1;
  uint64_t sample = 0;     ///< number of the sample: each has random numbers of its own
  bool cache = true;       ///< keep keys and values; false computes everything anew: the same up to rounding
  int64_t vocab_size = 0;  ///< only ids below it are drawn, as if there were no others: a model may have more
                           ///< than its tokenizer; 0: all
  Slide slide = Slide::half;
  std::vector<int32_t> stop_tokens = {};  ///< end the text when drawn, and are not part of it

  SamplingOptions sampling() const { return {repetition_penalty, temperature, top_k, top_p, min_p}; }
};

/// A token, and what the model thought of all of them there.
struct Generated {
  int32_t token = 0;
  const std::vector<double>& logits;
  operator int32_t() const { return token; }  ///< for those who only want the token
};

/// Continues `prompt` (at least one token) and calls `emit` for each new one; stops early when it returns
/// false. Same model, prompt and options give the same tokens. Returns whether the context
/// slid.
bool generate(Model& model, const std::vector<int32_t>& prompt, const GenerateOptions& options,
              const std::function<bool(const Generated&)>& emit);

/// One of several texts to write.
struct GenerateRequest {
  std::vector<int32_t> prompt;
  uint64_t sample = 0;  ///< instead of that of the options
};

/// What becomes of several texts at a time.
struct GenerateEvents {
  std::function<bool(size_t request, const Generated&)> token;  ///< false ends this text
  std::function<void(size_t request, bool slid)> done;          ///< after the last token of each
  std::function<bool()> stop = {};  ///< asked before every round: true ends all of them as they are
};

/// The same for several texts, `at_once` (1 or more) at a time. Prompts may be of different lengths; each
/// gets the logits that it gets alone, up to rounding. A text that is done makes room for the next.
void generate(Model& model, const std::vector<GenerateRequest>& requests, const GenerateOptions& options,
              size_t at_once, const GenerateEvents& events);

/// Lets text through until one of some strings turns up in it, which may arrive in parts: what could be the
/// beginning of one is held back.
class StopStrings {
 public:
  explicit StopStrings(std::vector<std::string> stops);
  /// What can be shown after this text; nothing more once `found`.
  std::string push(std::string_view text);
  /// What was held back, now that nothing follows.
  std::string finish();
  bool found() const { return found_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool found_ = false;
};

}  // namespace hewn
