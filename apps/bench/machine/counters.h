#pragma once
// `hewn bench kernels --counters`: hardware counters.

#include <functional>
#include <string>
#include <vector>

namespace hewn::cli {

/// Events per call, summed over all threads, in user mode; negative if not counted.
struct Counts {
  double cycles = -1, instructions = -1, l1_misses = -1, llc_misses = -1;
  /// Instructions per cycle; negative if unknown.
  double per_cycle() const { return cycles > 0 && instructions >= 0 ? instructions / cycles : -1; }
};

/// Hardware counters of all threads that the process has during the counted work (perf_event_open(2)).
class Counters {
 public:
  /// Tests the counters on the calling thread.
  Counters();
  /// "", or the reason why nothing can be counted, with a remedy.
  const std::string& why_not() const { return why_not_; }
  /// Events per call over `calls` consecutive calls of `work`. If the processor has fewer counters than
  /// events, the kernel multiplexes them, and the counts are scaled. All are unknown if there are no counters.
  Counts count(int64_t calls, const std::function<void()>& work) const;

 private:
  std::string why_not_;
};

}  // namespace hewn::cli
