#pragma once
// The options of `hewn learn`.

#include <vector>

#include "apps/cli/options.h"

namespace hewn::cli::keys {

std::vector<Option> learn_options();

}  // namespace hewn::cli::keys
