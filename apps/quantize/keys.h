#pragma once
// The options of `hewn quantize` that `export` does not have.

#include <vector>

#include "apps/cli/options.h"

namespace hewn::cli::keys {

std::vector<Option> quantize_options();

}  // namespace hewn::cli::keys
