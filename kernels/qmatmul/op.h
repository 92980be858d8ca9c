#pragma once
// Products and look-ups with matrices in blocks. Nothing here has a gradient: quantised weights do not train.

#include <memory>
#include <vector>

#include "core/tensor.h"
#include "kernels/qmatmul/blocks.h"

namespace hewn {

/// A matrix in blocks or in bf16. Its rows are divided into parts, which may have different formats.
struct BlockMatrix {
  struct Part {
    BlockType format = {};
    int64_t rows = 0;
    /// Rows of cols / elements blocks, in the memory of the device that reads them; null if there is only
    /// `bf16`.
    const void* blocks = nullptr;
    Tensor bf16 = {};  ///< [rows, cols]; if defined, products read it instead of the blocks
  };
  int64_t cols = 0;
  std::vector<Part> parts = {};
  std::shared_ptr<const void> owner = {};  ///< owner of the blocks, such as a mapped file
  bool one_scale = false;  ///< inputs are rounded with one scale for each row, see QuantizeRows

  int64_t rows() const;
  /// Size of the data that products read.
  int64_t bytes() const;
};

/// Makes a matrix in host memory readable by the device: returns it unchanged on a CPU, copies it to the
/// memory of a GPU. If it is `multiplied`, parts in a format that `multiplied_as_they_are` does not accept
/// are rounded to bf16; a GPU then gets only the bf16 values of these parts.
BlockMatrix on_device(Device& device, const BlockMatrix& w, bool multiplied = true);

/// Whether `embedding_in_blocks` looks rows of this matrix up on the device: on a GPU, only for formats that
/// `multiplied_as_they_are` accepts.
bool looks_up_rows(Device& device, const BlockMatrix& w);

/// y = x W^T + bias: x [..., cols] contiguous f32, bias [rows] or undefined -> y [..., rows]. The rows of x
/// are quantised to int8 first, see `QuantizeRows`; for bf16 parts they are rounded to bf16, with float32
/// sums. Throws usage if the tape would have to record it.
Tensor linear_in_blocks(const Tensor& x, const BlockMatrix& w, const Tensor& bias);

/// Rows of W: ids [...] i32, contiguous -> y [..., cols] f32, of a matrix of one part. On a CPU, throws input like
/// `embedding` for an id outside of the table.
Tensor embedding_in_blocks(const BlockMatrix& w, const Tensor& ids);

}  // namespace hewn
