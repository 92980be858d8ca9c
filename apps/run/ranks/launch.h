#pragma once
// Starts the ranks of a command.

#include <cstdint>
#include <string>
#include <vector>

#include "apps/cli/settings.h"

namespace hewn::cli {

/// Options for starting ranks.
struct RankLaunch {
  int64_t ranks = 1;
  std::vector<std::string> more = {};  ///< options added to, or replacing, those of this call
  std::string out = {};                ///< the file for the output of rank 0; "": standard output
};

/// The value of the key `ranks`, at least 1. Throws usage if it is 1 and the command line has a key for
/// several processes.
int64_t ranks_to_launch(const Settings& settings);

/// Throws usage if the number of ranks is not a power of two or exceeds the slots of the hosts in the file
/// `hosts`, and for an unknown host.
void check_ranks(const Settings& settings, int64_t ranks);

/// Runs this command as several processes: on this host, connected by sockets that they inherit; or on the
/// hosts of the file `hosts`, through the launcher of the MPI that Hewn was built with. Passes signals on,
/// and returns the exit status of the ranks when all have ended. If a rank was lost, starts them again from
/// the last checkpoint, `restarts` times, on the hosts that can be reached. Throws usage like `check_ranks`.
int launch_ranks(const Settings& settings, const RankLaunch& launch);

}  // namespace hewn::cli
