#pragma once
// Commands with several modes, each chosen by an option, such as `verify --resume` or `eval --tasks`.

#include <span>
#include <string_view>

#include "apps/cli/settings.h"

namespace hewn::cli {

/// A mode of a command.
struct Mode {
  std::string_view key;         ///< the option that chooses it; empty: the default mode
  std::string_view takes;       ///< options that it takes but some other mode does not: "md csv"
  std::string_view name = key;  ///< name in messages: "a text"
};

/// The mode that the options choose: the first one in the list whose key has a value other than false,
/// ignoring the environment, which applies to all commands. Throws usage for an option of the command line
/// that belongs to other modes.
const Mode& chosen_mode(const Settings& settings, std::span<const Mode> modes);

}  // namespace hewn::cli
