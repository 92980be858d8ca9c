#include "train/ranks/tensors/nccl.h"

#include <utility>

#include "core/error.h"
#include "kernels/devices/beside.h"
#include "train/ranks/agreement.h"

namespace hewn {
namespace {

/// One that is queued on the GPU, in order with what uses its results.
class QueuedExchange final : public TensorExchange {
 public:
  bool arrived() override { return true; }
  void wait() override {}
};

}  // namespace

std::string why_no_nccl(Ranks& ranks, const FoundNccl& found) {
  const std::string mine = found.library ? nccl::text_of_version(found.library->version) : "";
  const std::vector<std::string> versions = ranks.gather(mine), problems = ranks.gather(found.problem),
                                 hosts = ranks.gather(name_of_host());
  const auto name = [&](size_t rank) { return join("rank ", rank, " (", hosts[rank], ")"); };
  for (size_t rank = 0; rank < versions.size(); ++rank) {
    if (versions[rank].empty()) return join(name(rank), " has no NCCL: ", problems[rank]);
    if (versions[rank] != versions[0])
      return join(name(rank), " has NCCL ", versions[rank], ", but ", name(0), " has ", versions[0],
                  "; install the same version on all hosts");
  }
  return {};
}

NcclTransport::NcclTransport(Ranks& ranks, Executor& device, const nccl::Library& library)
    : GpuTransport(ranks.messages(), device), library_(library) {
  nccl::UniqueId id{};
  if (ranks.rank() == 0) expect(library_.get_unique_id(&id), "ncclGetUniqueId");
  ranks.broadcast(std::as_writable_bytes(std::span(id.internal)));
  expect(library_.comm_init_rank(&comm_, ranks.size(), id, ranks.rank()), "ncclCommInitRank");
}

NcclTransport::~NcclTransport() {
  if (comm_ && is_idle()) library_.comm_destroy(std::exchange(comm_, nullptr));
  abort();
  if (aborting_.joinable()) aborting_.join();
}

/// Has the GPU no longer wait for other ranks. The library's function then waits until no graph holds its calls any more,
/// which is why a thread calls it.
void NcclTransport::abort() {
  if (comm_) aborting_ = std::thread(library_.comm_abort, std::exchange(comm_, nullptr));
}

void NcclTransport::expect(int result, const char* function) const {
  if (result == nccl::success) return;
  fail(ErrorCode::failed, "NCCL ", nccl::text_of_version(library_.version), ": ", function, ": ",
       library_.error_string(result), "; set NCCL_DEBUG=WARN for details");
}

std::unique_ptr<TensorExchange> NcclTransport::start(Topic, std::vector<TensorSwap> swaps) {
  Beside beside(device_);
  beside.follow();
  joined_ = false;
  expect(library_.group_start(), "ncclGroupStart");
  for (const TensorSwap& swap : swaps) {
    const size_t sent = swap.mine.bytes(), received = swap.theirs.bytes();
    if (sent > 0)
      expect(library_.send(swap.mine.data(), sent, nccl::byte, swap.other, comm_, gpu_.stream()), "ncclSend");
    if (received > 0)
      expect(library_.recv(swap.theirs.data(), received, nccl::byte, swap.other, comm_, gpu_.stream()),
             "ncclRecv");
  }
  expect(library_.group_end(), "ncclGroupEnd");
  return std::make_unique<QueuedExchange>();
}

void NcclTransport::check() {
  try {
    messages_.check();
    if (!comm_) return;
    int result = nccl::success;
    expect(library_.comm_get_async_error(comm_, &result), "ncclCommGetAsyncError");
    if (result != nccl::in_progress) expect(result, "an exchange under way");
  } catch (const Error&) {
    abort();  // the caller may wait for the GPU before it ends
    throw;
  }
}

}  // namespace hewn
