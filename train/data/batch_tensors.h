#pragma once
// Batches as tensors.

#include <vector>

#include "model/model.h"
#include "train/data/batches.h"

namespace hewn {

/// Throws input for a token or target outside of the vocabulary, on a GPU only: there, operations do not
/// check ids.
void check_batch(const Model& model, const Batch& batch);
/// Tokens or targets of a batch on a device: i32 [rows, block_size].
Tensor batch_tensor(Device& device, const Batch& batch, const std::vector<int32_t>& values);

}  // namespace hewn
