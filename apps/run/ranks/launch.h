#pragma once
// Starts the ranks of a command.

#include <cstdint>
#include <string>
#include <vector>

#include "apps/cli/settings.h"

namespace hewn::cli {

/// How ranks are started.
struct RankLaunch {
  int64_t ranks = 1;
  std::vector<std::string> more = {};  ///< options besides those of this call, or instead of them
  std::string out = {};                ///< the file for what rank 0 prints; "": standard output
};

/// The value of the key `ranks`, at least 1. Throws usage if it is 1, but the command line has a key for several processes.
int64_t ranks_to_launch(const Settings& settings);

/// Throws usage for a number of ranks that is no power of two, more than the hosts of the file `hosts` have slots, or
/// an unknown host.
void check_ranks(const Settings& settings, int64_t ranks);

/// Runs this command as several processes: on this host, connected by sockets that they inherit; on those of the file
/// `hosts`, through the launcher of the MPI that Hewn was built with. Passes signals on, and returns the exit status of
/// the ranks when all have ended. If a rank was lost, starts them again from the last checkpoint, `restarts` times,
/// on the hosts that can be reached. Throws usage like `check_ranks`.
int launch_ranks(const Settings& settings, const RankLaunch& launch);

}  // namespace hewn::cli
