#pragma once
// Ranks that were started without MPI.

#include "apps/cli/settings.h"
#include "train/ranks/sockets/rendezvous.h"

namespace hewn::cli {

/// Whether the key `rendezvous` names a directory.
bool has_rendezvous(const Settings& settings);

/// The meeting of this process with the others: the directory of the key `rendezvous`, and RANK, WORLD_SIZE and LOCAL_RANK
/// of the environment, with TORCHELASTIC_RUN_ID and TORCHELASTIC_RESTART_COUNT if they are set. It listens at the loopback
/// address if LOCAL_WORLD_SIZE says that all processes are on this host, else at the address of the network that leads to
/// MASTER_ADDR, else at that of the default route. Throws usage if a variable is missing or makes no sense, or if a key is
/// given that is for processes started by `ranks`.
Rendezvous rendezvous_of(const Settings& settings);

}  // namespace hewn::cli
