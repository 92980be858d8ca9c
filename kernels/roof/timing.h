#pragma once

#include <algorithm>
#include <chrono>

#include "core/base/clock.h"

namespace hewn {

/// Seconds of the fastest call within about 60 ms of calls, not counting the first. Calls should be short, so
/// that some are undisturbed on a busy machine.
template <class Work>
double best_seconds(const Work& work) {
  work();
  double best = 1e30, spent = 0;
  for (int i = 0; i < 5 || spent < 0.06; ++i) {
    const auto start = Clock::now();
    work();
    const double took = seconds_since(start);
    best = std::min(best, took);
    spent += took;
  }
  return best;
}

}  // namespace hewn
