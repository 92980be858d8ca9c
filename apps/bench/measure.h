#pragma once
// `hewn bench kernels`: measurements.

#include <memory>

#include "apps/bench/machine/asm.h"
#include "apps/bench/machine/conditions.h"
#include "apps/bench/machine/counters.h"
#include "apps/bench/plan.h"
#include "apps/bench/report/report.h"
#include "apps/bench/roof.h"

namespace hewn::cli {

/// The times of one contender, with warm or cold operands.
struct Measurement {
  const Contender* who = nullptr;
  Cache cache = Cache::warm;
  std::vector<double> seconds{};  ///< per call, one entry per repetition, ascending
  Counts counts{};                ///< of one call
  HotLoop hot_loop{};             ///< with --asm or --guess
  double streamed = 0;  ///< bytes per second of the roof's stream, timed with the kernels; 0: not measured

  double best() const { return seconds.front(); }
  double median() const { return at(0.5); }
  /// The interquartile range in percent of the median.
  double spread_percent() const { return 100 * (at(0.75) - at(0.25)) / median(); }
  /// The quantile at `part` (0 to 1) of the repetitions, interpolated.
  double at(double part) const;
};

/// The measurements of all contenders of a case, and the state of the machine during them.
struct Measured {
  std::vector<Measurement> of;
  /// Slowdown of the reference loop compared with its best time so far (median, in percent); negative:
  /// unknown.
  double drift_percent = -1;
  Shares shares{};  ///< the machine's processor time used elsewhere
};

/// Times kernels on a device.
class Measurer {
 public:
  virtual ~Measurer() = default;
  /// The ceilings of the device, as rows named "ceiling.…".
  virtual std::vector<BenchRow> ceilings() = 0;
  /// Checks every contender against the case's reference, times all of them interleaved, and checks them
  /// again. Throws numerical if a result is wrong.
  virtual Measured measure(Case& c, const std::vector<Contender>& list) = 0;
  /// The least time that the work can take under the conditions of this measurement.
  virtual Roof roof(Case& c, const Measurement& m) = 0;
  /// Reports the reliability of the times on standard error.
  virtual void tell_conditions(const std::vector<BenchRow>& rows) const = 0;
};

/// For kernels on this machine's CPU.
std::unique_ptr<Measurer> make_cpu_measurer(const BenchPlan& plan);

}  // namespace hewn::cli
