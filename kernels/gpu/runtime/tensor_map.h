#pragma once
// What Hopper's copy engine (TMA) has to know of a matrix before it can copy boxes of it.

#include <cstdint>

namespace hewn {

/// bf16 in rows, copied in boxes of `box_rows` rows by `box_cols` columns to shared memory, where a row of a
/// box is 128 bytes; what of a box is beyond the matrix becomes zero. `data` and rows are aligned to 16
/// bytes.
struct TiledMatrix {
  static constexpr int box_cols = 64;
  const void* data;
  int64_t rows, cols;
  int64_t ld;  ///< elements from one row to the next
  int box_rows;
};

/// The same as the engine reads it, from a kernel's arguments.
struct alignas(128) EncodedTensorMap {
  uint64_t words[16];
};

/// Asks the driver, which alone knows the encoding. In tensor_map_cuda.cpp, only in builds with CUDA.
EncodedTensorMap encode_tensor_map(const TiledMatrix& matrix);

}  // namespace hewn
