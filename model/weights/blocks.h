#pragma once

#include "kernels/qmatmul/blocks.h"

namespace hewn {

/// The values of `n` elements, a multiple of the format's, in float32: the same bits as ggml's dequantize_row
/// functions. Returns whether all scales and offsets are finite.
bool widen_blocks(const BlockFormat& format, const void* blocks, int64_t n, float* out);

}  // namespace hewn
