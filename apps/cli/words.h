#pragma once
// Splits the words of a command line into options with their values, and arguments.

#include <string>
#include <vector>

#include "apps/cli/options.h"

namespace hewn::cli {

/// An option as given.
struct GivenOption {
  std::string name;   ///< in its underscore form: "batch_size"
  std::string value;  ///< as text, not checked yet; "true" for a flag without a value
  std::string typed;  ///< "--batch_size", "-r"; an unknown option as typed
};

/// The split command line; each list is in the order of the words.
struct Words {
  std::vector<GivenOption> options;
  std::vector<std::string> arguments;
};

/// Whether a word is an option rather than an argument: it begins with a dash and has more than one
/// character, and is not a negative number.
bool is_option(std::string_view word);
/// The option name in a word such as `--batch-size=12`, with underscores: "batch_size". Empty unless the word
/// begins with two dashes and a letter.
std::string long_name(std::string_view word);

/// Splits words by the known options:
///   --batch_size=12   --batch-size 12   a value, joined or in the next word
///   --bias   --bias=false   --bias false   --no-bias   a flag
///   -r 9   -r9   -qv   letters; the last one may take a value
///   --   everything after it is an argument, as is a single `-`
/// Unknown options are returned too, for the caller to report. Throws ErrorCode::usage if a value is missing:
/// the next word is the value unless it is an option itself (`--prompt=--x` passes such a value).
Words split_words(const std::vector<std::string>& words, const std::vector<const Option*>& known);

}  // namespace hewn::cli
