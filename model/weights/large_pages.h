#pragma once
// Weights that are read for every token, in memory that is read faster than a mapped file.

#include <functional>
#include <memory>

#include "core/device.h"
#include "core/io/limits.h"
#include "model/named_tensors.h"

namespace hewn {

/// The same tensors, with those that `often` chooses copied to one block of a CPU's memory. A file is mapped in pages of
/// 4 KiB: on a virtual Genoa, one thread that multiplies a row by bf16 matrices of GPT-2's shapes reads 20 GB/s from
/// them, and 30 from a block, which has large pages. The result owns the block; the values of the other tensors live as
/// long as `file`. Returns `file` for other devices, and where a quarter more than the block is not `available`, as with
/// a model that nearly fills the memory.
std::shared_ptr<const NamedTensors> in_large_pages(const std::shared_ptr<const NamedTensors>& file,
                                                   Device& device,
                                                   const std::function<bool(const TensorEntry&)>& often,
                                                   size_t available = available_memory());

}  // namespace hewn
