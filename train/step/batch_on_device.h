#pragma once
// The batch of a micro-step on the device, and the losses that training minimises.

#include <functional>

#include "model/model.h"
#include "train/data/batches.h"

namespace hewn {

/// A batch at fixed addresses, so that graphs can be replayed: its tensors move only for a larger one.
struct BatchOnDevice {
  Tensor tokens, targets;  ///< i32 [rows, block_size]
  Tensor reference;        ///< for pairs of answers: f64 for a f64 model, else f32, [rows]; else undefined

  /// Copies a batch. Throws usage if its sizes do not fit, and like `check_batch`.
  void take(const Model& model, const Batch& batch);
};

/// The mean loss of a micro-batch, a scalar.
using LossOf = std::function<Tensor(Model&, const BatchOnDevice&, const ForwardOptions&)>;

/// The cross-entropy of the targets, or of a classifier's labels. Throws usage if the rows are pairs of answers.
Tensor loss_of_targets(Model& model, const BatchOnDevice& batch, const ForwardOptions& options);

}  // namespace hewn
