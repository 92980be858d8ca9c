#pragma once
// `hewn bench kernels`: how to measure.

#include <memory>

#include "apps/bench/machine/conditions.h"
#include "apps/bench/machine/counters.h"
#include "apps/bench/plan.h"
#include "apps/bench/report/report.h"
#include "apps/bench/roof.h"

namespace hewn::cli {

/// What one contender needed, with its operands in the caches or not.
struct Measurement {
  const Contender* who = nullptr;
  Cache cache = Cache::warm;
  std::vector<double> seconds{};  ///< per call, one entry per repetition, ascending
  Counts counts{};                ///< of one call
  std::string hot_loop{};         ///< with --asm
  double streamed = 0;            ///< bytes per second of the roof's stream, walked in turn; 0: it was not

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
  /// How much longer the reference loop took, by median, than at its best so far; negative: unknown.
  double drift_percent = -1;
  Shares shares{};  ///< where the machine's time went besides
};

/// Times kernels on a device.
class Measurer {
 public:
  virtual ~Measurer() = default;
  /// What the device allows, as rows called "ceiling.…".
  virtual std::vector<BenchRow> ceilings() = 0;
  /// Checks every contender against the case's reference, times all of them in turn, again and again, and
  /// checks them again. Throws numerical when a result is wrong.
  virtual Measured measure(Case& c, const std::vector<Contender>& list) = 0;
  /// The least time that the work can take under the conditions of this measurement.
  virtual Roof roof(Case& c, const Measurement& m) = 0;
  /// Says on standard error how far the times can be trusted.
  virtual void tell_conditions(const std::vector<BenchRow>& rows) const = 0;
};

/// For kernels on this machine's processor.
std::unique_ptr<Measurer> make_cpu_measurer(const BenchPlan& plan);

}  // namespace hewn::cli
