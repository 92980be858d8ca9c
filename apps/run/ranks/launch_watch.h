#pragma once
// Lets the process that started a launcher detect the end of its ranks. The launcher itself may not: Open
// MPI's waits forever if a rank is killed while it registers, or stopped after its last message.

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>

#include "core/base/clock.h"
#include "core/base/not_copied.h"

namespace hewn::cli {

/// The ranks on this host. Each connects to a socket of the watch, and the kernel closes the connection
/// however the rank ends.
class LaunchWatch : NotCopied {
 public:
  /// Listens under a name chosen by the kernel. If that fails, no rank is detected.
  LaunchWatch();
  ~LaunchWatch();

  /// The environment variable through which ranks find this watch.
  std::string environment_line() const { return variable + ("=" + name_); }
  /// Records the ranks that have begun and ended. Does not wait.
  void look();
  /// The time when the first rank ended.
  std::optional<Clock::time_point> first_end() const { return first_end_; }
  /// Kills the remaining ranks.
  void kill_ranks() const;

  static constexpr const char* variable = "HEWN_WATCH";

 private:
  int listener_ = -1;
  std::string name_;
  std::map<int, pid_t> ranks_;  // the process at the other end of a connection
  std::optional<Clock::time_point> first_end_;
};

/// Connects this process, until it ends, to the watch named by the environment, if any.
void be_watched();

}  // namespace hewn::cli
