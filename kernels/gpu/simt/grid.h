#pragma once

#include <cstddef>

namespace hewn {

/// A size in up to three dimensions, or an index into one.
struct Extent {
  unsigned x, y, z;
  constexpr Extent(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

/// Launch configuration: number of blocks, threads per block, bytes of dynamic shared memory per block.
struct Grid {
  Extent blocks, threads;
  size_t shared_bytes = 0;
};

}  // namespace hewn
