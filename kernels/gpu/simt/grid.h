#pragma once

#include <cstddef>

namespace hewn {

/// A size in up to three dimensions, or a place in one.
struct Extent {
  unsigned x, y, z;
  constexpr Extent(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

/// What a kernel is started with: blocks, threads of each, bytes of dynamic shared memory of each.
struct Grid {
  Extent blocks, threads;
  size_t shared_bytes = 0;
};

}  // namespace hewn
