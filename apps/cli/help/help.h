#pragma once
// The texts of `hewn`, `hewn --help` and `hewn COMMAND --help`, and the parts they share with the manual page
// and the reference.

#include <string>

#include "apps/cli/options.h"

namespace hewn::cli {

/// The text of `hewn` without arguments: how to train a first model.
std::string welcome();
/// Lists the commands of a group ("data"), or all commands for "".
std::string overview(const std::string& group);
/// The help of a command: what it does, its common options, examples; on two screens of 24 lines. With `all`, the whole
/// description and every option.
std::string help(const Command& command, bool all = false);

/// "--batch_size=N", preceded by the one-letter form if there is one.
std::string signature(const Option& option);
/// Default and range: "default: 12; 1 to 1048576", "required", or "".
std::string facts(const Option& option);
/// The help with the facts in parentheses at its end.
std::string description(const Option& option);
/// "hewn train [CONFIG.toml] [--key=value | --key value]".
std::string synopsis(const Command& command);

/// The exit statuses, one "code  meaning" per line.
inline constexpr std::string_view exit_codes =
    "0  done, also when stopped by max_iters, max_time or patience\n"
    "1  failed: disk full, run in use, no such device\n"
    "2  usage: unknown command or option, value out of range\n"
    "3  bad input, run or checkpoint\n"
    "4  does not fit in memory\n"
    "5  numerical or verification failure\n"
    "130  interrupted, saved and resumable (143: terminated, 129: connection lost)\n";

}  // namespace hewn::cli
