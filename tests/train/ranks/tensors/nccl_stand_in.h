#pragma once
// A library with NCCL's interface for ranks that are threads of this process, on emulated GPUs.

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "train/ranks/tensors/nccl_library.h"

namespace hewn::test {

/// Delivers late, and checks the interface's rules. Its functions have no argument for its state, so one
/// lives at a time.
class NcclStandIn {
 public:
  explicit NcclStandIn(uint64_t seed);
  ~NcclStandIn();
  NcclStandIn(const NcclStandIn&) = delete;
  NcclStandIn& operator=(const NcclStandIn&) = delete;

  const nccl::Library& library() const;

  /// What ranks have done so far.
  struct Counts {
    int64_t connected = 0, destroyed = 0, aborted = 0;
    int64_t groups = 0;             ///< launched by any rank
    int64_t bytes = 0;              ///< sent by any rank
    int64_t aborted_by_caller = 0;  ///< the library would wait for the graphs of this thread
    int64_t destroyed_in_use = 0;   ///< with work queued, or in a graph; the library would wait for its end
  };
  Counts counts() const;
  /// The groups that a rank has launched.
  int64_t groups_of(int rank) const;
  /// The n-th group of this rank, from 0, never ends, and an error is found.
  void fail_group(int rank, int64_t n);
  /// This rank cannot connect.
  void fail_to_connect(int rank) { unconnected_ = rank; }

 private:
  friend struct StandInCalls;
  /// A rank's end of a communicator.
  struct Comm {
    int rank = 0;
    std::thread::id thread = std::this_thread::get_id();
    bool aborted = false, failed = false;
    int64_t groups = 0;
    std::shared_ptr<int> work = std::make_shared<int>();  ///< shared by what is queued
  };
  struct Call {
    bool sends;
    int peer;
    std::byte* data;
    size_t bytes;
    bool done = false;
  };
  bool deliver(Comm& comm, std::vector<Call>& calls);

  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  int size_ = 0;
  std::deque<Comm> comms_;
  std::map<std::pair<int, int>, std::deque<std::vector<std::byte>>> on_the_way_;  // by sender and receiver
  Counts counts_;
  std::pair<int, int64_t> failing_{-1, 0};
  int unconnected_ = -1;
};

}  // namespace hewn::test
