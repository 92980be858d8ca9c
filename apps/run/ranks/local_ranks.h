#pragma once
// Ranks on this host, without MPI. The process that starts them connects each with every other by a pair of sockets, which
// they inherit: none listens, and nobody else can reach them.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "apps/cli/system/child.h"
#include "train/ranks/messages.h"

namespace hewn::cli {

/// Starts this program with these words, of which the first is its name, as each of so many ranks; a single one is no
/// rank. What rank 0 prints goes to the file `out`; "": to standard output. Throws ErrorCode::failed, and ends those that
/// have started, if the system has no room for all.
std::vector<std::unique_ptr<Child>> start_local_ranks(const std::vector<std::string>& words, int64_t ranks,
                                                      const std::string& out);

/// Whether this process was started by `start_local_ranks` as one of several.
bool is_local_rank();

/// The connections of such a process, once. Throws usage if the environment names none.
std::unique_ptr<Messages> connect_local_rank();

}  // namespace hewn::cli
