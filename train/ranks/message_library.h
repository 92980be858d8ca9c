#pragma once
// The functions by which the program uses a library of messages, libhewn_mpi.so. They are C: library and program may be
// built with different standard libraries.

#include <cstddef>
#include <cstdint>

namespace hewn {

/// One thread calls all of them. Each returns null, or a text that says what went wrong, which stays valid until the
/// next call.
struct MessageLibrary {
  static constexpr uint32_t current_abi = 3;
  /// The function without arguments that returns the library's table.
  static constexpr const char* entry = "hewn_message_library";

  uint32_t abi;          ///< `current_abi` when the library was built
  const char* name;      ///< "Open MPI 4.1.4"
  const char* launcher;  ///< the program that starts ranks, "/usr/bin/mpiexec.openmpi"
  bool hydra;            ///< whether that takes the options of Hydra (MPICH), instead of those of Open MPI

  /// Connects this process with the others that were started with it. Once.
  const char* (*open)(int* rank, int* size);
  /// As in `Messages`; a transfer is a number that is not negative.
  const char* (*send)(int to, int topic, const void* bytes, size_t n, int64_t* transfer);
  const char* (*receive)(int from, int topic, void* bytes, size_t n, int64_t* transfer);
  const char* (*done)(int64_t transfer, bool* is_done);

  /// Disconnects; all processes call it, after their transfers are done.
  const char* (*close)();
};

}  // namespace hewn
