#pragma once
// `hewn bench kernels`: how to measure.

#include "apps/bench_plan.h"

namespace hewn::cli {

/// What one contender needed.
struct Measurement {
  const Contender* who = nullptr;
  std::vector<double> seconds{};  ///< per call, one entry per repetition, ascending

  double best() const { return seconds.front(); }
  double median() const { return seconds[seconds.size() / 2]; }
};

/// Checks every contender against the case's reference, times all of them in turn, `repeat` times over, and
/// checks them again. Throws numerical when a result is wrong.
std::vector<Measurement> measure(Case& c, const std::vector<Contender>& list, int64_t repeat);

}  // namespace hewn::cli
