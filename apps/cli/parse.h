#pragma once
// The command line, taken apart.

#include <string>
#include <vector>

#include "apps/cli/settings.h"

namespace hewn::cli {

/// What was asked for.
struct Call {
  const Command* command = nullptr;  ///< null: no command given
  std::string group;                 ///< "data" when only the first word of a command was given
  std::vector<Assignment> flags;     ///< in the order given
  std::vector<std::string> arguments;
};

/// Takes the arguments after the program's name apart. Usage errors name the word and suggest what was meant;
/// values are not checked yet.
Call parse(const std::vector<std::string>& words);

/// Everything merged: flags, environment, CONFIG.toml (an argument ending in ".toml"), defaults.
Settings resolve(const Call& call);

}  // namespace hewn::cli
