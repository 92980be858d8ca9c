#pragma once
// How the process that started a launcher sees that its ranks have ended. A launcher may not: Open MPI's waits for ever when
// a rank is killed while it introduces itself, or stopped after its last word.

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>

#include "core/base/clock.h"
#include "core/base/not_copied.h"

namespace hewn::cli {

/// The ranks on this host. Each connects to a socket of the watch, and the kernel closes the connection when the rank ends,
/// in whatever way.
class LaunchWatch : NotCopied {
 public:
  /// Listens under a name that the kernel chooses. If it cannot, no rank will be seen.
  LaunchWatch();
  ~LaunchWatch();

  /// What ranks need in their environment to find this watch.
  std::string environment_line() const { return variable + ("=" + name_); }
  /// Takes note of the ranks that have begun and ended. Does not wait.
  void look();
  /// When the first rank has ended.
  std::optional<Clock::time_point> first_end() const { return first_end_; }
  /// Kills the ranks that are still there.
  void kill_ranks() const;

  static constexpr const char* variable = "HEWN_WATCH";

 private:
  int listener_ = -1;
  std::string name_;
  std::map<int, pid_t> ranks_;  // the process at the other end of a connection
  std::optional<Clock::time_point> first_end_;
};

/// Lets the watch that the environment names, if any, see this process until it ends.
void be_watched();

}  // namespace hewn::cli
