#pragma once
// Prompts and generation options, from the settings.

#include <cstddef>
#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "apps/run/open_run.h"
#include "model/config.h"
#include "model/generation/generate.h"
#include "train/tasks/chat_template.h"

namespace hewn::cli {

/// A prompt as text and as tokens, at least one.
struct Prompt {
  std::string text;
  std::vector<int32_t> tokens;
};

/// Opens the run given as argument. Throws ErrorCode::input if it has no tokenizer, since its tokens could
/// not be shown.
OpenRun open_writer(const Settings& settings);
OpenRun open_writer(const Settings& settings, const std::string& path);

/// The prompts named by `start`: TEXT, FILE:path or - for one prompt, LINES:path or LINES:- for one per line,
/// with the escapes \n, \t and \\; empty lines are skipped. Without `start`, one prompt without text: the
/// opening of a text. Prompts may contain special tokens. With
/// `shots` or `template`, each prompt becomes the last of the examples, and its text is empty, so that only
/// the answer is shown. An `encoder` writes each prompt as a message of the user, likewise; special tokens in it are
/// ordinary text.
std::vector<Prompt> prompts_of(const Settings& settings, const TextEncoder& texts,
                               const TalkEncoder* encoder = nullptr);

/// Encodes text that a model is to continue. Errors name its source, `where`.
Prompt encoded_prompt(const TextEncoder& texts, std::string text, const std::string& where);

/// The ends of a text: stop strings and stop tokens.
struct Ends {
  std::vector<std::string> texts;
  std::vector<int32_t> tokens;
};
/// The ends named by `stop`, and the tokens that end a text of the model. The text of a special token means
/// that token. Without `stop`, a newline ends an answer with `shots` or `template`; with an `encoder`, its
/// end of an answer does.
Ends ends_of(const Settings& settings, const TextEncoder& texts, const TalkEncoder* encoder = nullptr);

/// The format of cached keys and values.
KvFormat kv_of(const Settings& settings);
/// The options for continuing texts, restricted to the tokenizer's tokens.
ContextOptions context_of(const Settings& settings, const TextEncoder& texts);
/// The values of the keys of all sampling methods.
SamplingOptions sampling_of(const Settings& settings);
/// The options for generating texts with these ends.
GenerateOptions generation(const Settings& settings, const TextEncoder& texts, const Ends& ends);

// A text as a row of tokens, for the loss in `hewn trace` and `hewn gradcheck`.

/// Throws usage unless the key `text` gave at least two tokens (each is predicted from the previous ones) and
/// at most one more than the model's context.
void check_row_of_text(const Settings& settings, size_t tokens, const ModelConfig& model);

}  // namespace hewn::cli
