#pragma once
// Zero- and few-shot prompts (Brown et al. 2020, "Language Models are Few-Shot Learners", section 2): a task
// is shown by examples in the prompt, the last of them without its output.

#include <optional>
#include <string>
#include <vector>

#include "apps/cli/settings.h"

namespace hewn::cli {

/// An example of the task.
struct Shot {
  std::string input, output;
};

/// Examples, and how one is written: before + input + between + output + after.
struct Shots {
  std::string before, between, after;
  std::vector<Shot> examples;
  /// All examples, then this input as far as its output; a blank before that is left to the model, whose
  /// words begin with it.
  std::string prompt(const std::string& input) const;
};

/// What `shots` and `template` say, given or by default. Throws ErrorCode::input for a line that is no
/// example, naming it, ErrorCode::usage for a template without {input} before {output}.
Shots shots_from(const Settings& settings);
/// The same; nothing when neither is given.
std::optional<Shots> shots_of(const Settings& settings);

/// Text in which \n, \t and \\ stand for a line end, a tab and a backslash; any other backslash is one.
std::string unescaped(std::string_view text);

}  // namespace hewn::cli
