#pragma once
// Generates text from a model, token by token.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/generation/context.h"
#include "model/generation/draft.h"
#include "model/generation/sampling.h"
#include "model/model.h"

namespace hewn {

/// The context of the last finished text. A later text reuses its keys and values for the common prefix.
struct Remembered {
  std::unique_ptr<Context> context;
};

struct GenerateOptions {
  int64_t max_new_tokens = 500;
  SamplingOptions sampling = {};
  uint64_t seed = 1;
  uint64_t sample = 0;          ///< number of the sample; each has its own stream of random numbers
  ContextOptions context = {};  ///< ids from `vocab_size` on are never drawn
  /// With drafts, texts take turns, each with several tokens. On a CPU greedy text is unchanged; sampled
  /// texts differ but have the same distribution.
  DraftOptions draft = {};
  /// Shared by earlier calls with the same model; null: used within this call only.
  std::shared_ptr<Remembered> remembered = nullptr;
  bool cuda_graph = true;                 ///< on a GPU, launch the kernels of a token as one CUDA graph
  std::vector<int32_t> stop_tokens = {};  ///< end the text when drawn; not part of it
};

/// A new token, and the logits from which it was drawn.
struct Generated {
  int32_t token = 0;
  const std::vector<double>& logits;
  operator int32_t() const { return token; }  ///< for callers that need only the token
};

/// Continues `prompt` (at least one token) and calls `emit` for each new token; stops when it returns
/// false. The same model, prompt and options give the same tokens. Returns whether old tokens were dropped
/// from the context (`Slide`).
bool generate(Model& model, const std::vector<int32_t>& prompt, const GenerateOptions& options,
              const std::function<bool(const Generated&)>& emit);

/// One of several texts to generate.
struct GenerateRequest {
  std::vector<int32_t> prompt;
  uint64_t sample = 0;  ///< replaces `GenerateOptions::sample`
};

/// Callbacks during the generation of several texts.
struct GenerateEvents {
  std::function<bool(size_t request, const Generated&)> token;  ///< false ends this text
  std::function<void(size_t request, bool slid)> done;          ///< after the last token of a text
  std::function<bool()> stop = {};  ///< called before each token; true ends all texts
  /// Of tokens proposed together, some were accepted.
  std::function<void(int64_t proposed, int64_t accepted)> checked = {};
};

/// Generates several texts, up to `at_once` (1 or more) at a time; a finished text makes room for the next.
/// Prompts may have different lengths. Each text has the same logits as if generated alone (on a GPU up to
/// rounding).
void generate(Model& model, const std::vector<GenerateRequest>& requests, const GenerateOptions& options,
              size_t at_once, const GenerateEvents& events);

/// Passes text through until one of the stop strings appears in it. A stop string may arrive in pieces, so
/// text that may begin one is held back.
class StopStrings {
 public:
  explicit StopStrings(std::vector<std::string> stops);
  /// Adds text and returns the part that can be shown now; "" once `found`.
  std::string push(std::string_view text);
  /// The text still held back, once no more follows.
  std::string finish();
  bool found() const { return found_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool found_ = false;
};

}  // namespace hewn
