#include "apps/run/ranks/nccl_library.h"

#include "core/error.h"

namespace hewn::cli {

NcclLibrary::NcclLibrary(const std::string& file) : file_(file), problem_(file_.problem()) {
  if (!file_.loaded()) return;
  nccl::GetVersion get_version = nullptr;
  find(get_version, "ncclGetVersion");
  if (get_version && get_version(&functions_.version) != nccl::success)
    problem_ = "it does not tell its version";
  if (problem_.empty() && functions_.version < nccl::Library::least_version)
    problem_ = join("it is version ", nccl::text_of_version(functions_.version), "; expected ",
                    nccl::text_of_version(nccl::Library::least_version), " or newer");
  find(functions_.error_string, "ncclGetErrorString");
  find(functions_.get_unique_id, "ncclGetUniqueId");
  find(functions_.comm_init_rank, "ncclCommInitRank");
  find(functions_.comm_get_async_error, "ncclCommGetAsyncError");
  find(functions_.comm_destroy, "ncclCommDestroy");
  find(functions_.comm_abort, "ncclCommAbort");
  find(functions_.group_start, "ncclGroupStart");
  find(functions_.group_end, "ncclGroupEnd");
  find(functions_.send, "ncclSend");
  find(functions_.recv, "ncclRecv");
  if (!problem_.empty()) problem_ = file + ": " + problem_;
}

template <class Function>
void NcclLibrary::find(Function& function, const char* name) {
  function = file_.symbol<Function>(name);
  if (!function && problem_.empty()) problem_ = join("it has no function ", name);
}

FoundNccl NcclLibrary::found() const {
  return {.library = problem_.empty() ? &functions_ : nullptr, .problem = problem_};
}

}  // namespace hewn::cli
