#pragma once
// CONFIG.toml: flat keys, one per option.

#include <string>
#include <vector>

#include "apps/cli/settings.h"

namespace hewn::cli {

/// The assignments of a TOML file in file order, each located as "path:line:column". Throws input for a file
/// that cannot be read or is not TOML, usage for tables, arrays and dates, which no key accepts.
std::vector<Assignment> read_config(const std::string& path);

}  // namespace hewn::cli
