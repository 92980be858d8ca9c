#pragma once
// The options of commands that generate text.

#include <vector>

#include "apps/cli/options.h"

namespace hewn::cli::keys {

/// Commands that write texts for people, and all commands that generate text.
inline constexpr CommandSet writes = takes::sample | takes::chat;
inline constexpr CommandSet generates = writes | takes::eval;

std::vector<Option> sampling_options();

}  // namespace hewn::cli::keys
