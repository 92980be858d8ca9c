#pragma once
// The options of `hewn judge`.

#include <vector>

#include "apps/cli/options.h"

namespace hewn::cli::keys {

std::vector<Option> judge_options();

}  // namespace hewn::cli::keys
