#pragma once
// Measured bandwidth of a plain stream of reads and writes.

#include <cstddef>
#include <vector>

#include "kernels/contract/huge_pages.h"
#include "kernels/contract/isa.h"

namespace hewn {

/// The composition of a stream: elements that are only read, read and written back, only written.
struct StreamMix {
  int read = 0, update = 0, write = 0;
  auto operator<=>(const StreamMix&) const = default;
};

/// A plain stream over a working set of `bytes` (clamped to 16 KiB .. 256 MiB), split over `threads` threads.
/// At least one part must be positive.
class PlainStream {
 public:
  PlainStream(StreamMix mix, size_t bytes, Isa isa, int threads);

  /// Continues through the working set, cyclically, until about `bytes` have moved, where an updated byte
  /// counts twice; returns bytes per second. `past_caches`: write-only data is stored non-temporally.
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
  std::vector<float> kept_;  ///< sums, so that reads are not optimised away
};

}  // namespace hewn
