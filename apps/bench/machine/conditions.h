#pragma once
// `hewn bench kernels`: what else happens on the machine while it is measured.

#include <sys/types.h>

#include <vector>

namespace hewn::cli {

/// Threads of this process, in the order of their making.
std::vector<pid_t> threads_of_process();

/// Keeps threads each on a core of its own while it lives: ours, and those of libraries that are measured
/// beside us, which the system may leave on the caller's core otherwise.
class PinnedThreads {
 public:
  /// Starts `threads` threads. Does nothing where there are fewer cores.
  explicit PinnedThreads(int threads);
  ~PinnedThreads();
  PinnedThreads(const PinnedThreads&) = delete;
  PinnedThreads& operator=(const PinnedThreads&) = delete;

  bool pinned() const { return !ours_.empty(); }
  /// Lets the calling thread go where it likes: libraries make their threads where their caller may run.
  void release_caller() const;
  /// Puts the calling thread on its core, and threads made since the last call on the other cores by turns.
  void hold();

 private:
  /// The cores that are not the caller's, by turns. There must be two cores or more.
  int core_beside(size_t turn) const { return cores_[1 + turn % (cores_.size() - 1)]; }

  std::vector<int> cores_;
  std::vector<pid_t> ours_;    ///< the caller first; empty when not pinned
  std::vector<pid_t> others_;  ///< of libraries, held so far
};

/// Where the machine's processor time went, in percent; negative when unknown.
struct Shares {
  double others = -1;  ///< other processes
  double stolen = -1;  ///< the host gave it to other machines
};

/// Watches them by /proc/stat, whose ticks are hundredths of a second.
class ShareClock {
 public:
  ShareClock();
  /// Since the last call, or since construction; unknown when no tick has passed.
  Shares since();

 private:
  double all_ = 0, busy_ = 0, stolen_ = 0, own_ = 0;  // ticks so far
};

/// Seconds of a fixed chain of dependent operations in registers, the best of three: only the clock frequency
/// changes it. About 100 microseconds.
double reference_loop_seconds();

}  // namespace hewn::cli
