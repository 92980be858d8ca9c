#pragma once

#include <cstddef>

#include "kernels/gpu/simt/limits.h"

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

/// Whether a launch requests more shared memory than kernels have by default. Otherwise static and dynamic
/// memory together are limited to that, and a launch beyond it fails.
constexpr bool opts_in(const Grid& grid) { return grid.shared_bytes > shared_without_opt_in; }

}  // namespace hewn
