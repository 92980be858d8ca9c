#pragma once
// Parses the command line.

#include <string>
#include <vector>

#include "apps/cli/settings.h"

namespace hewn::cli {

/// A parsed command line.
struct Call {
  const Command* command = nullptr;  ///< null: no command was given
  std::string group;                 ///< "data" if only the first word of a command was given
  std::vector<Assignment> flags;     ///< in command-line order
  std::vector<std::string> arguments;
};

/// The first words of all commands ("data"), or the second words in a group.
std::vector<std::string> words_after(const std::string& group);

/// Parses the arguments after the program's name. Usage errors name the word and suggest a correction; values
/// are not checked yet.
Call parse(const std::vector<std::string>& words);

/// Merges flags, environment, CONFIG.toml (an argument ending in ".toml") and defaults.
Settings resolve(const Call& call);

}  // namespace hewn::cli
