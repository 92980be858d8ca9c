#pragma once
// Ranks on this host, without MPI. The process that starts them connects each pair by inherited sockets: no
// rank listens, and no other process can reach them.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "apps/cli/system/child.h"
#include "train/ranks/messages.h"

namespace hewn::cli {

/// Starts this program with these words (the first is its name) once per rank; a single process is not a
/// rank. The output of rank 0 goes to the file `out`; "": to standard output. If the system cannot start all
/// of them, ends the started ones and throws ErrorCode::failed.
std::vector<std::unique_ptr<Child>> start_local_ranks(const std::vector<std::string>& words, int64_t ranks,
                                                      const std::string& out);

/// Whether this process was started by `start_local_ranks` as one of several.
bool is_local_rank();

/// Opens the connections of such a process; call it once. Throws usage if the environment names none.
std::unique_ptr<Messages> connect_local_rank();

}  // namespace hewn::cli
