#pragma once
// What a plain stream of reads and writes reaches on this machine.

#include <cstddef>

#include "kernels/isa.h"

namespace hewn {

/// The parts of a stream: elements only read, read and written back, only written.
struct StreamMix {
  int read = 0, update = 0, write = 0;
  auto operator<=>(const StreamMix&) const = default;
};

/// Bytes per second, an updated one counted twice, of a stream of this mix over a working set of `bytes`
/// (held between 16 KiB and 256 MiB) split over `threads` threads: through the caches or, for what is only
/// written, past them, whichever is faster. Takes about 0.1 s. At least one part must be positive.
double measured_stream(StreamMix mix, size_t bytes, Isa isa, int threads);

}  // namespace hewn
