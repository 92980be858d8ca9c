#pragma once
// Commands that do one of several things, each chosen by an option, such as `verify --resume` or `eval --tasks`.

#include <span>
#include <string_view>

#include "apps/cli/settings.h"

namespace hewn::cli {

/// One of the things that a command does.
struct Mode {
  std::string_view key;         ///< the option that chooses it; empty: what the command does without any
  std::string_view takes;       ///< options that it takes and not every other mode does: "md csv"
  std::string_view name = key;  ///< for messages: "a text"
};

/// The mode that the options choose: the first one in the list whose key has a value other than false, which the environment,
/// made for all commands, does not give. Throws usage for an option of the command line that belongs to other modes.
const Mode& chosen_mode(const Settings& settings, std::span<const Mode> modes);

}  // namespace hewn::cli
