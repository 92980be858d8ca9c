#pragma once
// Sums over the rows of a matrix, such as the gradient of a bias: each block of rows is summed separately,
// then the block sums are added in order. The blocks depend only on the number of rows, never on the number
// of threads.

#include "kernels/contract/parallel.h"

namespace hewn {
namespace {

/// At least 32 rows, and more once there would be over 128 blocks.
[[maybe_unused]] constexpr int64_t rows_per_block(int64_t rows) {
  const int64_t even = blocks_of(rows, 128);
  return even < 32 ? 32 : even;
}

[[maybe_unused]] constexpr int64_t row_blocks(int64_t rows) { return blocks_of(rows, rows_per_block(rows)); }

}  // namespace
}  // namespace hewn
