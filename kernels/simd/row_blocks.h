#pragma once
// Sums down the rows of a matrix, such as the gradient of a bias: each block of rows is summed for itself,
// then the blocks, in order. The blocks follow from the number of rows alone, never from that of threads.

#include "kernels/contract/parallel.h"

namespace hewn {
namespace {

/// At least 32 rows, and more where there would be over 128 blocks.
[[maybe_unused]] constexpr int64_t rows_per_block(int64_t rows) {
  const int64_t even = blocks_of(rows, 128);
  return even < 32 ? 32 : even;
}

[[maybe_unused]] constexpr int64_t row_blocks(int64_t rows) { return blocks_of(rows, rows_per_block(rows)); }

}  // namespace
}  // namespace hewn
