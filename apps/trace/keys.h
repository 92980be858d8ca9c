#pragma once
// The options of `hewn trace`.

#include <vector>

#include "apps/cli/options.h"

namespace hewn::cli::keys {

std::vector<Option> trace_options();

}  // namespace hewn::cli::keys
