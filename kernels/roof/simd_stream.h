#pragma once

#include <cstdint>

#include "kernels/contract/isa.h"

namespace hewn {

/// Turns of a stream: each reads `read` blocks of x, updates `update` blocks of y and writes `write` blocks
/// of z, and goes on to the next ones. All aligned to 64 bytes.
struct StreamWork {
  static constexpr int64_t block = 256;  // floats
  const float* x;
  float *y, *z;
  int read, update, write;
  int64_t turns;
};

/// Does the work; returns something that depends on all that was read. `past_caches` is how z is written.
template <Isa I>
float roof_stream(const StreamWork& work, bool past_caches);

}  // namespace hewn
