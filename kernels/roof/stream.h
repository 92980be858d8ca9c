#pragma once
// What a plain stream of reads and writes reaches on this machine.

#include <cstddef>
#include <vector>

#include "kernels/contract/huge_pages.h"
#include "kernels/contract/isa.h"

namespace hewn {

/// The parts of a stream: elements only read, read and written back, only written.
struct StreamMix {
  int read = 0, update = 0, write = 0;
  auto operator<=>(const StreamMix&) const = default;
};

/// A plain stream of a mix over a working set of `bytes` (held between 16 KiB and 256 MiB) split over
/// `threads` threads. At least one part must be positive.
class PlainStream {
 public:
  PlainStream(StreamMix mix, size_t bytes, Isa isa, int threads);

  /// Goes on along the working set, again and again, until about `bytes` have moved, an updated one counted
  /// twice; says how many moved in a second. What is only written goes past the caches if asked.
  double walk(size_t bytes, bool past_caches);
  /// The fastest of many walks of 4 MiB, through the caches or past them. Takes about 0.1 s.
  double measured();
  bool writes() const { return mix_.write > 0; }

 private:
  void run(int64_t turns, bool past_caches);

  StreamMix mix_;
  Isa isa_;
  int threads_;
  int64_t turns_;      ///< the working set, per thread
  int64_t first_ = 0;  ///< the next of them
  HugeVector<float> memory_;
  std::vector<float> kept_;  ///< sums, so that reading is not left out
};

}  // namespace hewn
