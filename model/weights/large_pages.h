#pragma once
// Copies weights that are read for every token to memory that is faster to read than a mapped file.

#include <functional>
#include <memory>

#include "core/device.h"
#include "core/io/limits.h"
#include "kernels/qmatmul/blocks.h"
#include "model/named_tensors.h"

namespace hewn {

/// The same tensors, with those selected by `often` copied to one block of a CPU's memory. Files are mapped
/// in pages of 4 KiB, while a block has large pages: on a virtual Genoa, one thread that multiplies a row by
/// bf16 matrices of GPT-2's shapes reads 20 GB/s from a mapped file and 30 from a block. The result owns the
/// block; the values of the other tensors live as long as `file`. Returns `file` unchanged for other devices,
/// and if less than 1.25 times the block is `available`, as with a model that nearly fills the memory.
std::shared_ptr<const NamedTensors> in_large_pages(const std::shared_ptr<const NamedTensors>& file,
                                                   Device& device,
                                                   const std::function<bool(const TensorEntry&)>& often,
                                                   size_t available = available_memory());

/// Whether all scales and offsets in the blocks of `n` elements are finite; n is a multiple of the block
/// size.
bool blocks_are_finite(const BlockFormat& format, const void* blocks, int64_t n);

/// The values of `n` elements, a multiple of the block size, in float32, with the same bits as ggml's
/// dequantize_row functions.
void widen_blocks(const BlockFormat& format, const void* blocks, int64_t n, float* out);

}  // namespace hewn
