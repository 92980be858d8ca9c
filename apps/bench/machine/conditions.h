#pragma once
// `hewn bench kernels`: disturbances on the machine during the measurement.

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "core/base/not_copied.h"

namespace hewn::cli {

/// The threads of this process, in order of creation.
std::vector<pid_t> threads_of_process();

/// Processors in an order that fills cores late: the first hardware thread of every core, then the second
/// ones, and so on. `core_of` names the core of a processor; "": unknown, and treated as a separate core.
std::vector<int> separate_cores_first(const std::vector<int>& processors,
                                      const std::function<std::string(int)>& core_of);
/// The number of cores of these processors.
int cores_among(const std::vector<int>& processors, const std::function<std::string(int)>& core_of);

/// Pins threads to separate processors during its lifetime, and to separate cores while there are enough.
/// Applies to the project's threads and to those of libraries measured with it, which the system might
/// otherwise leave on the caller's processor.
class PinnedThreads : NotCopied {
 public:
  /// Starts `threads` threads. Does nothing if there are fewer processors.
  explicit PinnedThreads(int threads);
  ~PinnedThreads();

  bool pinned() const { return !ours_.empty(); }
  /// The number of cores that the pinned threads share, as reported by the system.
  int cores() const;
  /// Removes the calling thread's pinning: threads that a library creates inherit the processors of their creator.
  void release_caller() const;
  /// Pins the calling thread to its processor, and threads created since the last call to the others,
  /// round-robin. OpenMP ends and creates threads when consecutive kernels use different numbers of threads.
  void hold();

 private:
  /// The processors other than the caller's, round-robin. Requires at least two processors.
  int processor_beside(size_t turn) const { return processors_[1 + turn % (processors_.size() - 1)]; }

  std::vector<int> processors_;  ///< the caller's first
  std::vector<pid_t> ours_;      ///< the caller first; empty if not pinned
  std::vector<pid_t> others_;    ///< threads pinned later: of libraries, and replacements that OpenMP created
};

/// The machine's processor time used elsewhere, in percent; negative if unknown.
struct Shares {
  double others = -1;  ///< other processes
  double stolen = -1;  ///< taken by the host for other virtual machines
};

/// Measures these shares from /proc/stat, whose ticks are hundredths of a second.
class ShareClock {
 public:
  ShareClock();
  /// Shares since the last call, or since construction; unknown if no tick has passed.
  Shares since();

 private:
  double all_ = 0, busy_ = 0, stolen_ = 0, own_ = 0;  // ticks so far
};

/// Seconds for a fixed chain of dependent register operations, the best of three; depends only on the clock
/// frequency. Takes about 100 microseconds.
double reference_loop_seconds();

// Runs another program and returns its output.

/// Runs a program found along PATH, without a shell, and returns its standard output; standard input is empty,
/// standard error is discarded. Throws ErrorCode::failed if it cannot be started or its exit status is not 0.
std::string output_of(const std::vector<std::string>& command);

}  // namespace hewn::cli
