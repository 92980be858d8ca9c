#pragma once
// `hewn bench kernels`: what the machine allows.

#include "apps/bench_plan.h"
#include "apps/bench_report.h"

namespace hewn::cli {

/// The least time some work can take.
struct Roof {
  double seconds = 0;
  std::string
      bound;  ///< what bounds it: "f32 peak", "exp", "tanh", or where bytes come from: "L1" … "memory"
};

/// The roof over the case's work on so many threads of such a processor: its arithmetic at the measured peak,
/// its exponentials at the measured speed of our own, or its bytes at the measured speed of a plain stream
/// with the same mix of reads, updates and writes, in a working set of the same size (cold: in memory),
/// whichever takes longer. Streams are measured once; arithmetic again where the work, which `took` so many
/// seconds, came near its peak, and the best so far counts.
Roof roof_of(Case& c, Isa level, int threads, Cache cache, double took);

/// A ceiling as a row: what `row` says of it and nothing else, on such a device. `per_second` are operations
/// or bytes; that its time is the time for 10^9 of them, since a ceiling has no work of its own.
BenchRow ceiling_row(BenchRow row, Isa isa, int threads, double per_second);

/// The ceilings of the machine, as rows called "ceiling.…": arithmetic for each number type, exp and tanh,
/// reading and copying in each level of cache and in memory, on one thread and on as many as the plan has.
std::vector<BenchRow> ceilings(const BenchPlan& plan);

}  // namespace hewn::cli
