#pragma once
// The options of `hewn report`.

#include <vector>

#include "apps/cli/options.h"

namespace hewn::cli::keys {

std::vector<Option> report_options();

}  // namespace hewn::cli::keys
