#pragma once

#include "kernels/qmatmul/blocks.h"

namespace hewn {

/// Whether all scales and offsets in the blocks of `n` elements are finite; n is a multiple of the block
/// size.
bool blocks_are_finite(const BlockFormat& format, const void* blocks, int64_t n);

/// The values of `n` elements, a multiple of the block size, in float32, with the same bits as ggml's
/// dequantize_row functions.
void widen_blocks(const BlockFormat& format, const void* blocks, int64_t n, float* out);

}  // namespace hewn
