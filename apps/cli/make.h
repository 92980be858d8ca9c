#pragma once
// Makes options for the table.

#include "apps/cli/options.h"

namespace hewn::cli::keys {

/// A switch. In all of these, `derived` is shown instead of the default if that depends on other values.
Option flag(std::string_view name, std::string_view initial, CommandSet commands, std::string_view help,
            std::string_view derived = "");
/// A number from `least` to `most`.
Option integer(std::string_view name, std::string_view initial, int64_t least, int64_t most,
               CommandSet commands, std::string_view help, std::string_view derived = "");
Option real(std::string_view name, std::string_view initial, double least, double most, CommandSet commands,
            std::string_view help, std::string_view derived = "");
/// A real number above `bound`, up to `most`.
Option above(std::string_view name, std::string_view initial, double bound, double most, CommandSet commands,
             std::string_view help);
/// One of "a|b|c".
Option choice(std::string_view name, std::string_view choices, std::string_view initial, CommandSet commands,
              std::string_view help, std::string_view derived = "");
/// The same option, which is also accepted by this name.
Option also(std::string_view alias, Option option);
/// Any text; `placeholder` stands for it in the help.
Option text(std::string_view name, std::string_view placeholder, std::string_view initial,
            CommandSet commands, std::string_view help, std::string_view derived = "");

}  // namespace hewn::cli::keys
