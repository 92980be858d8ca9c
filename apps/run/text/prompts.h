#pragma once
// What a text is to go on from, and how: from settings to prompts and options of generation.

#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "apps/run/open_run.h"
#include "model/generation/generate.h"

namespace hewn::cli {

/// A prompt as text and as tokens, at least one.
struct Prompt {
  std::string text;
  std::vector<int32_t> tokens;
};

/// Opens the run of the argument. Throws ErrorCode::input where it has no tokenizer, for its tokens could not
/// be shown.
OpenRun open_writer(const Settings& settings);

/// What `start` names: TEXT, FILE:path or - for one prompt, LINES:path or LINES:- for one on each line, with
/// \n, \t and \\ for what a line cannot hold; empty lines count for nothing. Without a start one prompt of no
/// text: the token that begins all texts, else a newline, else token 0. Special tokens may stand in a prompt.
/// With `shots` or `template` each becomes the last of the examples, and its text is empty: the answer is
/// shown alone.
std::vector<Prompt> prompts_of(const Settings& settings, const Tokenizer& tokenizer);

/// Text as tokens, after the token that begins all texts where the tokenizer has one; `where` it comes
/// from is named if it cannot be.
Prompt encoded_prompt(const Tokenizer& tokenizer, std::string text, const std::string& where);

/// Where a text ends.
struct Ends {
  std::vector<std::string> texts;
  std::vector<int32_t> tokens;
};
/// What `stop` names, and the tokens that end a text by the tokenizer's own meaning (<|endoftext|>, </s> and
/// the like). What is the text of a special token means this token. With
/// `shots` or `template` and no `stop` a line end ends an answer.
Ends ends_of(const Settings& settings, const Tokenizer& tokenizer);

/// The keys of sampling, the tokens that the tokenizer knows, and these ends.
Slide slide_of(const Settings& settings);
GenerateOptions generation(const Settings& settings, const Tokenizer& tokenizer, const Ends& ends);

}  // namespace hewn::cli
