#pragma once
// Commands carried out by several processes (ranks).

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "model/json.h"
#include "train/ranks/ranks.h"

namespace hewn::cli {

/// Whether this process is one of several ranks, started by `launch_ranks`, mpirun, mpiexec or srun. Throws
/// usage if srun did not connect the processes.
bool started_as_rank();

/// Calls `body` with the ranks, of which only rank 0 prints, and returns its exit status when all have ended.
/// When one rank fails, all end with its exit status and a single message that names it.
int as_one_of_ranks(const Settings& settings, const std::function<int(Ranks&)>& body);

/// Whether any rank was asked to stop (`stop_signal`); `stop_status` is then the same on all. Must be called
/// by all ranks.
bool any_asked_to_stop(Ranks& ranks);

// Commands that run with several numbers of ranks in turn: ranks = 1,2,4.

/// The numbers in the key `ranks`. Throws usage.
std::vector<int64_t> numbers_of_ranks(const Settings& settings);

/// Runs this command with each of these numbers of ranks, and appends their results, JSON lists of objects,
/// to `rows`. `more` are additional options. Returns the exit status of the first call that fails or is
/// stopped, else 0. Throws usage like `check_ranks`, before the first begins.
int run_with_each(const Settings& settings, const std::vector<int64_t>& numbers,
                  const std::vector<std::string>& more, Json& rows);

}  // namespace hewn::cli
