#pragma once
// The options of `hewn gradcheck`.

#include <vector>

#include "apps/cli/options.h"

namespace hewn::cli::keys {

std::vector<Option> gradcheck_options();

}  // namespace hewn::cli::keys
