#pragma once
// Starts the ranks of a command.

#include "apps/cli/settings.h"

namespace hewn::cli {

/// Runs this command as `ranks` processes, on this host or on those of the file `hosts`, through the launcher of the MPI
/// that Hewn was built with. Passes signals on, and returns the exit status of the ranks when all have ended. If a rank was
/// lost, starts them again from the last checkpoint, `restarts` times, on the hosts that can be reached. Throws usage for
/// more ranks than the hosts have slots, or an unknown host.
int launch_ranks(const Settings& settings);

}  // namespace hewn::cli
