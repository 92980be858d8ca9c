#pragma once
// `hewn bench kernels --counters`: what the processor itself counts.

#include <functional>
#include <string>
#include <vector>

namespace hewn::cli {

/// Events of one call, on all threads together, in user mode; negative where this was not counted.
struct Counts {
  double cycles = -1, instructions = -1, l1_misses = -1, llc_misses = -1;
  /// Instructions per cycle; negative when unknown.
  double per_cycle() const { return cycles > 0 && instructions >= 0 ? instructions / cycles : -1; }
};

/// The hardware counters of every thread this process has when work is counted (perf_event_open(2)).
class Counters {
 public:
  /// Tries them on the calling thread.
  Counters();
  /// "" or why nothing can be counted, and what to do about it.
  const std::string& why_not() const { return why_not_; }
  /// The events of `calls` calls of work in a row, by call. Where the processor has fewer counters than
  /// events, the kernel takes turns with them and the counts are scaled. All unknown when there are none.
  Counts count(int64_t calls, const std::function<void()>& work) const;

 private:
  std::string why_not_;
};

}  // namespace hewn::cli
