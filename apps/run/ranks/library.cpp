#include "apps/run/ranks/library.h"

#include <filesystem>

#include "apps/cli/system/shared_library.h"
#include "core/error.h"
#include "core/io/path.h"

namespace hewn::cli {
namespace {

// The library's path; that beside the program if there is none.
std::string path_of_library() {
  const fs::path beside = fs::path(running_program()).parent_path(), name = "libhewn_mpi.so";
  for (const fs::path& directory : {beside, beside / "../lib/hewn"})
    if (path_exists(directory / name)) return (directory / name).lexically_normal().string();
  return (beside / name).string();
}

class LibraryMessages final : public Messages {
 public:
  explicit LibraryMessages(const MessageLibrary& library) : library_(library) {
    require(library.open(&rank_, &size_));
  }
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  Transfer send(int to, Topic topic, std::span<const std::byte> bytes) override {
    Transfer transfer = 0;
    require(library_.send(to, static_cast<int>(topic), bytes.data(), bytes.size(), &transfer));
    return transfer;
  }
  Transfer receive(int from, Topic topic, std::span<std::byte> bytes) override {
    Transfer transfer = 0;
    require(library_.receive(from, static_cast<int>(topic), bytes.data(), bytes.size(), &transfer));
    return transfer;
  }
  bool done(Transfer transfer) override {
    bool is_done = false;
    require(library_.done(transfer, &is_done));
    return is_done;
  }
  void close(bool in_order) override {
    if (in_order) require(library_.close());
  }

 private:
  void require(const char* problem) const {
    if (problem) fail(ErrorCode::failed, library_.name, ": ", problem);
  }

  const MessageLibrary& library_;
  int rank_ = 0, size_ = 1;
};

}  // namespace

const MessageLibrary& message_library() {
  static const SharedLibrary library(path_of_library());
  const auto entry = library.symbol<const MessageLibrary* (*)()>(MessageLibrary::entry);
  if (!entry)
    fail(ErrorCode::failed, "ranks on several hosts, or started by mpirun or srun, need ", path_of_library(),
         ": ", library.problem(),
         "; build Hewn with MPI (scripts/install-deps.sh mpi installs Debian's); --ranks=N alone "
         "starts ranks on this host without MPI");
  const MessageLibrary& table = *entry();
  if (table.abi != MessageLibrary::current_abi)
    fail(ErrorCode::failed, path_of_library(), ": belongs to another version of Hewn");
  return table;
}

std::unique_ptr<Messages> connect_ranks(const MessageLibrary& library) {
  return std::make_unique<LibraryMessages>(library);
}

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
