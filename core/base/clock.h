#pragma once

#include <chrono>

namespace hewn {

/// Time that passes evenly, whatever is done to the clock of the system.
using Clock = std::chrono::steady_clock;

/// Seconds from a moment until now.
inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace hewn
