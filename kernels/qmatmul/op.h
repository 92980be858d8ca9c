#pragma once
// Products and look-ups with matrices in blocks. Nothing here has a gradient: quantised weights do not train.

#include <memory>
#include <vector>

#include "core/tensor.h"
#include "kernels/qmatmul/blocks.h"

namespace hewn {

/// A matrix in blocks: its rows one below the other, in parts that may have different formats.
struct BlockMatrix {
  struct Part {
    BlockType format;
    int64_t rows;
    const void* blocks;  ///< rows of cols / elements blocks, in host memory
  };
  int64_t cols = 0;
  std::vector<Part> parts = {};
  std::shared_ptr<const void> owner = {};  ///< keeps the blocks, such as a mapped file

  int64_t rows() const;
  /// Of all blocks.
  int64_t bytes() const;
};

/// y = x W^T + bias: x [..., cols] contiguous f32 on a CPU, bias [rows] or undefined -> y [..., rows]. The rows of x
/// are quantised to int8 first, see `QuantizeRows`. Throws usage if the tape would have to record it.
Tensor linear_in_blocks(const Tensor& x, const BlockMatrix& w, const Tensor& bias);

/// Rows of W: ids [...] i32, contiguous -> y [..., cols] f32, of a matrix of one part. Throws input like `embedding`
/// for an id outside of the table.
Tensor embedding_in_blocks(const BlockMatrix& w, const Tensor& ids);

}  // namespace hewn
