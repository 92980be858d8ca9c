#pragma once
// Commands that run with several numbers of ranks in turn: ranks = 1,2,4.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "model/json.h"

namespace hewn::cli {

/// The numbers in the key `ranks`. Throws usage.
std::vector<int64_t> numbers_of_ranks(const Settings& settings);

/// Runs this command with each of these numbers of ranks, and appends their results, JSON lists of objects,
/// to `rows`. `more` are additional options. Returns the exit status of the first call that fails or is
/// stopped, else 0. Throws usage like `check_ranks`, before the first begins.
int run_with_each(const Settings& settings, const std::vector<int64_t>& numbers,
                  const std::vector<std::string>& more, Json& rows);

}  // namespace hewn::cli
