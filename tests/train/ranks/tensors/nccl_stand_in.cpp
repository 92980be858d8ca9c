#include "tests/train/ranks/tensors/nccl_stand_in.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include "kernels/contract/isa.h"
#include "kernels/gpu/emulator/emulator.h"

namespace hewn::test {
namespace {

enum Problem { unhandled = 1, bad_argument = 4, remote_error = 6 };

NcclStandIn* stand_in = nullptr;

/// The group that this thread is in the middle of.
struct Group {
  bool open = false;
  void* comm = nullptr;
  void* stream = nullptr;
};
thread_local Group group;

/// Builds without the emulator skip the tests that call this.
void queue_until(void* stream, std::function<bool()> done) {
  if constexpr (emulator_compiled) emulator::queue_until(stream, std::move(done));
}

}  // namespace

/// The functions of the library.
struct StandInCalls {
  using Comm = NcclStandIn::Comm;
  using Call = NcclStandIn::Call;

  static inline thread_local std::vector<Call> calls;  // of the group

  static const char* error_string(int result) {
    return result == remote_error ? "remote process exited or there was a network error"
           : result == unhandled  ? "unhandled cuda error"
                                  : "invalid argument";
  }
  static int get_unique_id(nccl::UniqueId* id) {
    std::memcpy(id->internal, "the stand-in", 13);
    return nccl::success;
  }
  static int comm_init_rank(void** comm, int ranks, nccl::UniqueId id, int rank) {
    if (std::strcmp(id.internal, "the stand-in") != 0) return bad_argument;
    std::unique_lock lock(stand_in->mutex_);
    if (rank == stand_in->unconnected_) return unhandled;
    stand_in->size_ = ranks;
    Comm& own = stand_in->comms_.emplace_back();
    own.rank = rank;
    *comm = &own;
    ++stand_in->counts_.connected;
    return nccl::success;
  }
  static int comm_get_async_error(void* comm, int* result) {
    const std::lock_guard lock(stand_in->mutex_);
    *result = static_cast<Comm*>(comm)->failed ? int{remote_error} : int{nccl::in_progress};
    return nccl::success;
  }
  static int comm_destroy(void* comm) {
    const std::lock_guard lock(stand_in->mutex_);
    ++stand_in->counts_.destroyed;
    if (static_cast<Comm*>(comm)->work.use_count() > 1) ++stand_in->counts_.destroyed_in_use;
    return nccl::success;
  }
  static int comm_abort(void* comm) {
    const std::lock_guard lock(stand_in->mutex_);
    Comm& own = *static_cast<Comm*>(comm);
    own.aborted = true;
    ++stand_in->counts_.aborted;
    if (own.thread == std::this_thread::get_id()) ++stand_in->counts_.aborted_by_caller;
    return nccl::success;
  }
  static int group_start() {
    if (group.open) return bad_argument;
    group = {.open = true, .comm = nullptr, .stream = nullptr};
    calls.clear();
    return nccl::success;
  }
  static int group_end() {
    if (!group.open) return bad_argument;
    group.open = false;
    if (calls.empty()) return nccl::success;
    Comm& comm = *static_cast<Comm*>(group.comm);
    {
      const std::lock_guard lock(stand_in->mutex_);
      comm.failed = comm.failed || stand_in->failing_ == std::pair(comm.rank, comm.groups);
      ++comm.groups;
      ++stand_in->counts_.groups;
    }
    queue_until(group.stream, [&comm, work = calls, counted = comm.work]() mutable {
      const std::lock_guard lock(stand_in->mutex_);
      return comm.aborted || (!comm.failed && stand_in->deliver(comm, work));
    });
    return nccl::success;
  }
  static int add(bool sends, const void* data, size_t n, int type, int peer, void* comm, void* stream) {
    if (!group.open || n == 0 || type != nccl::byte || peer == static_cast<Comm*>(comm)->rank)
      return bad_argument;
    if (group.stream && group.stream != stream) return bad_argument;
    group.comm = comm;
    group.stream = stream;
    calls.push_back(
        {.sends = sends, .peer = peer, .data = static_cast<std::byte*>(const_cast<void*>(data)), .bytes = n});
    return nccl::success;
  }
  static int send(const void* data, size_t n, int type, int to, void* comm, void* stream) {
    return add(true, data, n, type, to, comm, stream);
  }
  static int recv(void* data, size_t n, int type, int from, void* comm, void* stream) {
    return add(false, data, n, type, from, comm, stream);
  }
};

NcclStandIn::NcclStandIn(uint64_t seed) : random_(seed) { stand_in = this; }
NcclStandIn::~NcclStandIn() { stand_in = nullptr; }

const nccl::Library& NcclStandIn::library() const {
  static constexpr nccl::Library functions{.version = 22809,
                                           .error_string = StandInCalls::error_string,
                                           .get_unique_id = StandInCalls::get_unique_id,
                                           .comm_init_rank = StandInCalls::comm_init_rank,
                                           .comm_get_async_error = StandInCalls::comm_get_async_error,
                                           .comm_destroy = StandInCalls::comm_destroy,
                                           .comm_abort = StandInCalls::comm_abort,
                                           .group_start = StandInCalls::group_start,
                                           .group_end = StandInCalls::group_end,
                                           .send = StandInCalls::send,
                                           .recv = StandInCalls::recv};
  return functions;
}

NcclStandIn::Counts NcclStandIn::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

int64_t NcclStandIn::groups_of(int rank) const {
  const std::lock_guard lock(mutex_);
  int64_t groups = 0;
  for (const Comm& comm : comms_) groups += comm.rank == rank ? comm.groups : 0;
  return groups;
}

void NcclStandIn::fail_group(int rank, int64_t n) {
  const std::lock_guard lock(mutex_);
  failing_ = {rank, n};
}

/// Does one of the calls of a group that can be done, perhaps. Returns whether all are.
bool NcclStandIn::deliver(Comm& comm, std::vector<Call>& calls) {
  if (random_() % 2 == 0) return false;
  std::shuffle(calls.begin(), calls.end(), random_);  // those with one peer are one of each kind
  for (Call& call : calls) {
    if (call.done) continue;
    auto& line = on_the_way_[call.sends ? std::pair(comm.rank, call.peer) : std::pair(call.peer, comm.rank)];
    if (call.sends) {
      line.emplace_back(call.data, call.data + call.bytes);
      counts_.bytes += static_cast<int64_t>(call.bytes);
    } else if (!line.empty()) {
      require(line.front().size() == call.bytes, "rank ", comm.rank, " expects ", call.bytes,
              " bytes of rank ", call.peer, ", which has sent ", line.front().size());
      std::ranges::copy(line.front(), call.data);
      line.pop_front();
    } else {
      continue;
    }
    call.done = true;
    break;
  }
  return std::ranges::all_of(calls, [](const Call& call) { return call.done; });
}

}  // namespace hewn::test
