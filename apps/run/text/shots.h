#pragma once
// Zero- and few-shot prompts (Brown et al. 2020, "Language Models are Few-Shot Learners", section 2):
// examples in the prompt show the task; the last one lacks its output.

#include <optional>
#include <string>
#include <vector>

#include "apps/cli/settings.h"

namespace hewn::cli {

/// An example of the task.
struct Shot {
  std::string input, output;
};

/// Examples, and the format of one: before + input + between + output + after.
struct Shots {
  std::string before, between, after;
  std::vector<Shot> examples;
  /// All examples, then this input, up to its output. Omits a space before the output, since the model's
  /// words begin with it.
  std::string prompt(const std::string& input) const;
};

/// The examples and format given by `shots` and `template`, or the defaults. Throws ErrorCode::input naming a
/// line that is not an example, ErrorCode::usage for a template without {input} before {output}.
Shots shots_from(const Settings& settings);
/// The same; empty if neither is given.
std::optional<Shots> shots_of(const Settings& settings);

/// Replaces \n, \t and \\ by newline, tab and backslash; any other backslash is literal.
std::string unescaped(std::string_view text);

}  // namespace hewn::cli
