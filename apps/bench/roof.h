#pragma once
// `hewn bench kernels`: the limits of the machine.

#include "apps/bench/plan.h"
#include "apps/bench/report/report.h"
#include "kernels/roof/stream.h"

namespace hewn::cli {

/// The least time that some work can take.
struct Roof {
  double seconds = 0;
  std::string bound;  ///< the bound: "f32 peak", "exp", "tanh", or the source of the bytes: "L1" … "memory"
};

/// The roof for the case's work on `threads` threads of a processor of this level: the longest of its
/// arithmetic at the measured peak, its exponentials at the measured speed of our own, and its bytes at the
/// speed of a plain stream with the same mix of reads, updates and writes in a working set of the same size
/// (cold: in memory). If the work, which `took` this many seconds, came near the arithmetic peak, the peak is
/// measured again and the best value is kept. `streamed` is that stream's bytes per second, measured while
/// the work was timed (RoofStream); 0: measured here, once.
Roof roof_of(Case& c, Isa level, int threads, Cache cache, double took, double streamed = 0);

/// The stream of a case's roof, timed in alternation with its kernels: other virtual machines of the host
/// share the memory, so a stream timed at a quiet moment does not bound a kernel timed at a busy one.
class RoofStream {
 public:
  RoofStream(Case& c, Isa level, int threads, Cache cache);
  /// Moves as many bytes as this many calls of the case; keeps the best speed.
  void walk(int64_t calls);
  double best() const { return best_; }  ///< bytes per second

 private:
  PlainStream stream_;
  double bytes_;  ///< of one call
  double best_ = 0;
};

/// Whether the stream determines the roof, or nearly does.
bool streams(Case& c, Isa level, int threads, Cache cache);

/// The float32 multiply-adds of all these threads together, relative to one thread: 1 if they share a core.
double arithmetic_gain(Isa isa, int threads);

/// The maximum rates of vector instructions on all threads together, and the latency of one.
struct VectorSpeeds {
  double multiply_adds = 0;      ///< per second
  double loads = 0, stores = 0;  ///< per second, of data in the first-level cache
  double latency = 0;            ///< of a multiply-add, in seconds
};
/// Measured once, with vectors of this instruction set.
VectorSpeeds vector_speeds(Isa isa, int threads);

/// A ceiling as a row, with the labels of `row` and otherwise empty. `per_second` is operations or bytes per
/// second; the row's time is for 10^9 of them, since a ceiling has no work.
BenchRow ceiling_row(BenchRow row, Isa isa, int threads, double per_second);

/// The ceilings of the machine as rows named "ceiling.…": arithmetic for each element type, exp and tanh,
/// reading and copying in each cache level and in memory, on one thread and on the plan's number of threads.
std::vector<BenchRow> ceilings(const BenchPlan& plan);

}  // namespace hewn::cli
