#pragma once

#include <chrono>

namespace hewn {

/// Monotonic time: changes to the system clock do not affect it.
using Clock = std::chrono::steady_clock;

/// Seconds since `moment`.
inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace hewn
