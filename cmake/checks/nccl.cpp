// Checks train/ranks/tensors/nccl_library.h against NCCL's own header. Compiled if that header is installed; never linked.

#include "train/ranks/tensors/nccl_library.h"

#include <nccl.h>

#include "cmake/checks/plain.h"

namespace hewn::cli {

/// The id is a struct of bytes in both.
template <>
struct Plain<ncclUniqueId> {
  using type = nccl::UniqueId;
};
template <>
struct Plain<ncclUniqueId*> {
  using type = nccl::UniqueId*;
};
template <>
struct Plain<ncclResult_t*> {
  using type = int*;
};

}  // namespace hewn::cli

namespace hewn::nccl {
namespace {

using cli::number;
using cli::same;

static_assert(NCCL_VERSION_CODE >= Library::least_version && NCCL_MAJOR == 2);
static_assert(sizeof(UniqueId) == sizeof(ncclUniqueId) && alignof(UniqueId) == alignof(ncclUniqueId));
static_assert(success == number(ncclSuccess) && in_progress == number(ncclInProgress));
static_assert(byte == number(ncclInt8));

static_assert(same<GetVersion, decltype(&ncclGetVersion)>);
static_assert(same<GetErrorString, decltype(&ncclGetErrorString)>);
static_assert(same<GetUniqueId, decltype(&ncclGetUniqueId)>);
static_assert(same<CommInitRank, decltype(&ncclCommInitRank)>);
static_assert(same<CommGetAsyncError, decltype(&ncclCommGetAsyncError)>);
static_assert(same<CommDestroy, decltype(&ncclCommDestroy)>);
static_assert(same<CommAbort, decltype(&ncclCommAbort)>);
static_assert(same<GroupStart, decltype(&ncclGroupStart)>);
static_assert(same<GroupEnd, decltype(&ncclGroupEnd)>);
static_assert(same<Send, decltype(&ncclSend)>);
static_assert(same<Recv, decltype(&ncclRecv)>);

}  // namespace
}  // namespace hewn::nccl
