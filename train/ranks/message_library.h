#pragma once
// The interface of the message library, libhewn_mpi.so. It is a C interface, because library and program may
// be built with different standard libraries.

#include <cstddef>
#include <cstdint>

namespace hewn {

/// All calls come from one thread. Each returns null, or an error message that stays valid until the next
/// call.
struct MessageLibrary {
  static constexpr uint32_t current_abi = 3;
  /// The function without arguments that returns the library's table.
  static constexpr const char* entry = "hewn_message_library";

  uint32_t abi;          ///< `current_abi` when the library was built
  const char* name;      ///< "Open MPI 4.1.4"
  const char* launcher;  ///< the program that starts ranks, "/usr/bin/mpiexec.openmpi"
  bool hydra;            ///< whether it takes the options of Hydra (MPICH) instead of Open MPI's

  /// Connects this process with those started with it. Called once.
  const char* (*open)(int* rank, int* size);
  /// As in `Messages`; a transfer is a non-negative number.
  const char* (*send)(int to, int topic, const void* bytes, size_t n, int64_t* transfer);
  const char* (*receive)(int from, int topic, void* bytes, size_t n, int64_t* transfer);
  const char* (*done)(int64_t transfer, bool* is_done);

  /// Disconnects; all processes call it, after their transfers are done.
  const char* (*close)();
};

}  // namespace hewn
