#pragma once
// The options of `hewn sweep` besides those of `hewn train`.

#include <vector>

#include "apps/cli/options.h"

namespace hewn::cli::keys {

std::vector<Option> sweep_options();

}  // namespace hewn::cli::keys
