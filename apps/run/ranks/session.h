#pragma once
// Commands that several processes, ranks, carry out together.

#include <functional>

#include "apps/cli/settings.h"
#include "train/ranks/ranks.h"

namespace hewn::cli {

/// Whether this process is one of several: the launcher of `launch_ranks`, mpirun, mpiexec or srun has started it as such.
/// Throws usage if srun has, but without telling the processes of each other.
bool started_as_rank();

/// Calls `body` with the ranks, which rank 0 speaks for, and returns its exit status when all of them have ended. When one
/// of them fails, all end: with its exit status, and with one message, which names the rank.
int as_one_of_ranks(const Settings& settings, const std::function<int(Ranks&)>& body);

/// Whether the user has asked one of the ranks to stop (`stop_signal`); `stop_status` is then the same for all. Must be
/// called by all ranks.
bool any_asked_to_stop(Ranks& ranks);

}  // namespace hewn::cli
