#pragma once
// `hewn bench kernels`: what the machine allows.

#include "apps/bench/plan.h"
#include "apps/bench/report/report.h"
#include "kernels/roof/stream.h"

namespace hewn::cli {

/// The least time some work can take.
struct Roof {
  double seconds = 0;
  std::string
      bound;  ///< what bounds it: "f32 peak", "exp", "tanh", or where bytes come from: "L1" … "memory"
};

/// The roof over the case's work on so many threads of such a processor: its arithmetic at the measured peak,
/// its exponentials at the measured speed of our own, or its bytes at the speed of a plain stream with the
/// same mix of reads, updates and writes, in a working set of the same size (cold: in memory), whichever
/// takes longer. Arithmetic is measured again where the work, which `took` so many seconds, came near its
/// peak, and the best so far counts. `streamed` is the bytes per second of that stream while the work was
/// timed (RoofStream); 0 where it was not walked: then it is measured, once.
Roof roof_of(Case& c, Isa level, int threads, Cache cache, double took, double streamed = 0);

/// The stream of a case's roof, to be walked in turn with its kernels: memory is shared with other machines
/// of the host, and a stream in a quiet moment is no bound for a kernel in a loud one.
class RoofStream {
 public:
  RoofStream(Case& c, Isa level, int threads, Cache cache);
  /// Moves as many bytes as so many calls of the case do; keeps the best speed.
  void walk(int64_t calls);
  double best() const { return best_; }  ///< bytes per second

 private:
  PlainStream stream_;
  double bytes_;  ///< of one call
  double best_ = 0;
};

/// Whether the stream decides the roof, or nearly so.
bool streams(Case& c, Isa level, int threads, Cache cache);

/// A ceiling as a row: what `row` says of it and nothing else, on such a device. `per_second` are operations
/// or bytes; that its time is the time for 10^9 of them, since a ceiling has no work of its own.
BenchRow ceiling_row(BenchRow row, Isa isa, int threads, double per_second);

/// The ceilings of the machine, as rows called "ceiling.…": arithmetic for each number type, exp and tanh,
/// reading and copying in each level of cache and in memory, on one thread and on as many as the plan has.
std::vector<BenchRow> ceilings(const BenchPlan& plan);

}  // namespace hewn::cli
