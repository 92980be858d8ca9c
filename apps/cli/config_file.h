#pragma once
// CONFIG.toml: flat keys, one per option.

#include <string>
#include <vector>

#include "apps/cli/settings.h"

namespace hewn::cli {

/// The assignments of a TOML file in file order, each with "path:line:column" as its place. Input error for a
/// file that cannot be read or is not TOML; usage error for tables, arrays and dates, which no key takes.
std::vector<Assignment> read_config(const std::string& path);

}  // namespace hewn::cli
