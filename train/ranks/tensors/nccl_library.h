#pragma once
// The part of NCCL's C interface with which GPUs exchange tensors. cmake/checks/nccl.cpp compares it with the library's
// header, apps/run/ranks/library.h loads it.

#include <cstddef>
#include <string>

#include "core/error.h"

namespace hewn::nccl {

/// Its enumerations: ncclResult_t, ncclDataType_t.
enum Result { success = 0, in_progress = 7 };
enum Type { byte = 0 };

/// Identifies a communicator, so that its ranks find each other; created by rank 0.
struct UniqueId {
  char internal[128];
};

using GetVersion = int (*)(int* version);
using GetErrorString = const char* (*)(int result);
using GetUniqueId = int (*)(UniqueId* id);
using CommInitRank = int (*)(void** comm, int ranks, UniqueId id, int rank);
/// Returns an error detected after a call had returned.
using CommGetAsyncError = int (*)(void* comm, int* result);
using CommDestroy = int (*)(void* comm);
/// Also aborts pending operations.
using CommAbort = int (*)(void* comm);
/// Calls between GroupStart and GroupEnd are queued as one operation.
using GroupStart = int (*)();
using GroupEnd = int (*)();
using Send = int (*)(const void* data, size_t n, int type, int to, void* comm, void* stream);
using Recv = int (*)(void* data, size_t n, int type, int from, void* comm, void* stream);

/// The loaded library.
struct Library {
  /// The first one with `Send` and `Recv`, 2.7.
  static constexpr int least_version = 2700;
  /// The first one whose calls can be captured, 2.9.
  static constexpr int least_in_graphs = 20900;

  int version = 0;  ///< 22809 is 2.28.9, and up to 2.8, 2700 is 2.7.0
  GetErrorString error_string = nullptr;
  GetUniqueId get_unique_id = nullptr;
  CommInitRank comm_init_rank = nullptr;
  CommGetAsyncError comm_get_async_error = nullptr;
  CommDestroy comm_destroy = nullptr;
  CommAbort comm_abort = nullptr;
  GroupStart group_start = nullptr;
  GroupEnd group_end = nullptr;
  Send send = nullptr;
  Recv recv = nullptr;
};

/// "2.28.9"
inline std::string text_of_version(int version) {
  const int major = version < 10000 ? 1000 : 10000;
  return join(version / major, ".", version % major / 100, ".", version % 100);
}

}  // namespace hewn::nccl
