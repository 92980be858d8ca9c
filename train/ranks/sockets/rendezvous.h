#pragma once
// How processes that were started without MPI find each other: through files in a directory that all of them see.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/io/socket.h"
#include "train/ranks/messages.h"

namespace hewn {

/// Where and as which rank a process meets the others.
struct Rendezvous {
  std::string directory;  ///< created if it is missing
  std::string run = "run";
  int64_t attempt = 0;                        ///< number of times that the run was started before
  int rank = 0, size = 1;                     ///< of this process, and of all; at most 1024
  std::string address = "127.0.0.1";          ///< numeric address of this host to listen at
  std::chrono::duration<double> timeout{30};  ///< to wait for the others
};

/// Connects with the processes that call this with the same directory, run, attempt and size, each with a rank of its own.
/// Returns the connections by rank; that of this rank is none. Files that older processes have left do no harm, nor do
/// strangers who connect; the files of these processes are removed in the end. Throws ErrorCode::failed, naming the
/// ranks, if some have not connected in time, and usage if the processes were given different sizes or one rank twice.
std::vector<Socket> meet(const Rendezvous& where);

/// The same as a transport of messages.
std::unique_ptr<Messages> connect_through_files(const Rendezvous& where);

}  // namespace hewn
