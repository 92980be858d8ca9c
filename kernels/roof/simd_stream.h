#pragma once

#include <cstdint>

#include "kernels/contract/isa.h"

namespace hewn {

/// Rounds of a stream: each reads `read` blocks of x, updates `update` blocks of y and writes `write` blocks
/// of z, then advances. All arrays are aligned to 64 bytes.
struct StreamWork {
  static constexpr int64_t block = 256;  // floats
  const float* x;
  float *y, *z;
  int read, update, write;
  int64_t turns;
};

/// Does the work; returns a value that depends on everything read. `past_caches`: z is written with
/// non-temporal stores.
template <Isa I>
float roof_stream(const StreamWork& work, bool past_caches);

}  // namespace hewn
