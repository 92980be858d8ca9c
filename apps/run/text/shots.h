#pragma once
// Zero- and few-shot prompts (Brown et al. 2020, "Language Models are Few-Shot Learners", section 2):
// examples in the prompt show the task; the last one lacks its output.

#include <optional>
#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "apps/run/text/prompts.h"
#include "model/generation/beam.h"

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

// The decoding methods that `hewn sample --compare` and `hewn eval --generate` compare.

/// A way to continue a prompt: sampling, or a beam search.
struct DecodingMethod {
  std::string name;   ///< "top_k"
  std::string label;  ///< with its value: "top_k=10 at temperature=0.8"
  GenerateOptions options = {};
  std::optional<BeamOptions> beam = {};
};

/// Greedy decoding, beam search, three temperatures and every other sampling method, each with a typical
/// value unless the settings override it.
std::vector<DecodingMethod> decoding_methods(const Settings& settings, const TextEncoder& texts,
                                             const Ends& ends);

}  // namespace hewn::cli
