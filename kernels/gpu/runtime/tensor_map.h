#pragma once
// Describes a matrix to Hopper's copy engine (TMA), which copies boxes of it.

#include <cstdint>

namespace hewn {

/// A row-major bf16 matrix, copied to shared memory in boxes of `box_rows` rows by `box_cols` columns; a
/// row of a box is 128 bytes. Elements of a box outside the matrix become zero. `data` and all rows are
/// aligned to 16 bytes.
struct TiledMatrix {
  static constexpr int box_cols = 64;
  const void* data;
  int64_t rows, cols;
  int64_t ld;  ///< elements from one row to the next
  int box_rows;
};

/// The encoded form that the engine reads, passed as a kernel argument.
struct alignas(128) EncodedTensorMap {
  uint64_t words[16];
};

/// Encodes through the driver, since the format is not documented. Only in builds with CUDA.
EncodedTensorMap encode_tensor_map(const TiledMatrix& matrix);

}  // namespace hewn
