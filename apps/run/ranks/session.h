#pragma once
// Commands carried out by several processes (ranks).

#include <functional>

#include "apps/cli/settings.h"
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

}  // namespace hewn::cli
