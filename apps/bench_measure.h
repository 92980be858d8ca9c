#pragma once
// `hewn bench kernels`: how to measure.

#include "apps/bench_conditions.h"
#include "apps/bench_counters.h"
#include "apps/bench_plan.h"

namespace hewn::cli {

/// What one contender needed, with its operands in the caches or not.
struct Measurement {
  const Contender* who = nullptr;
  Cache cache = Cache::warm;
  std::vector<double> seconds{};  ///< per call, one entry per repetition, ascending
  Counts counts{};                ///< of one call
  std::string hot_loop{};         ///< with --asm

  double best() const { return seconds.front(); }
  double median() const { return at(0.5); }
  /// The distance between the quartiles, in percent of the median.
  double spread_percent() const { return 100 * (at(0.75) - at(0.25)) / median(); }
  /// The value below which this part of the repetitions lies, interpolated.
  double at(double part) const;
};

/// All contenders of a case, and what the machine was like meanwhile.
struct Measured {
  std::vector<Measurement> of;
  double drift_percent = 0;  ///< how much longer the reference loop took, by median, than at its best so far
  Shares shares{};           ///< where the machine's time went besides
};

class Measurer {
 public:
  explicit Measurer(const BenchPlan& plan);

  /// Checks every contender against the case's reference, times all of them in turn, again and again, and
  /// checks them again. Throws numerical when a result is wrong.
  Measured measure(Case& c, const std::vector<Contender>& list);
  bool pinned() const { return threads_.pinned(); }
  const Counters& counters() const { return counters_; }

 private:
  const BenchPlan& plan_;
  PinnedThreads threads_;
  ShareClock clock_;
  Counters counters_;
  double reference_loop_ = 1e30;  ///< the best so far, in seconds
};

}  // namespace hewn::cli
