#pragma once
// The options of commands that several processes carry out together.

#include <vector>

#include "apps/cli/options.h"

namespace hewn::cli::keys {

std::vector<Option> ranks_options();

}  // namespace hewn::cli::keys
