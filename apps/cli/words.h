#pragma once
// The words of a command line, split into options with their values, and arguments.

#include <string>
#include <vector>

#include "apps/cli/options.h"

namespace hewn::cli {

/// An option as it was given.
struct GivenOption {
  std::string name;   ///< in its underscore form: "batch_size"
  std::string value;  ///< as text, not checked yet; "true" of a flag that was given without one
  std::string typed;  ///< "--batch_size", "-r"; of an option that is not known, as it was typed
};

/// What was given, each list in the order of the words.
struct Words {
  std::vector<GivenOption> options;
  std::vector<std::string> arguments;
};

/// Whether a word is an option and not an argument: it begins with a dash and is longer than that.
bool is_option(std::string_view word);
/// The name in a word such as `--batch-size=12`, in its underscore form: "batch_size". Empty for a word that does not
/// begin with two dashes and a letter.
std::string long_name(std::string_view word);

/// Splits words by the options that are known:
///   --batch_size=12   --batch-size 12   a value, joined or in the next word
///   --bias   --bias=false   --bias false   --no-bias   a flag
///   -r 9   -r9   -qv   letters; the last of them may take a value
///   --   everything behind it is an argument, as is `-` alone
/// Options that are not known are returned too, for the caller to explain. Throws ErrorCode::usage when a value is
/// missing: the next word is one unless it is an option itself (`--start=--x` passes such a value).
Words split_words(const std::vector<std::string>& words, const std::vector<const Option*>& known);

}  // namespace hewn::cli
