#pragma once
// The batches of a step, divided into micro-batches, one per forward and backward pass.

#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "model/model.h"
#include "train/data/batches.h"
#include "train/step/step_exchange.h"

namespace hewn {

/// Rows whose targets, or pairs, all have the same weight in the loss of a step.
struct MicroBatch {
  const Batch* batch;
  int64_t number;  ///< number among the micro-batches of all processes, including those without targets
  double share;    ///< its targets or pairs, times their weight, as a fraction of the step's
};

/// The part of a step that this process computes.
struct MicroBatches {
  std::vector<std::vector<MicroBatch>> groups;  ///< groups that accumulate gradients separately
  int64_t count = 0;                            ///< micro-batches of all groups
  int64_t targets = 0;                          ///< the number of targets or pairs that count, over all
                                                ///< processes
  std::deque<Batch> divided = {};               ///< copies of rows with equal weight
};

/// Divides batches into groups of consecutive ones, and rows of different weights into micro-batches. The gradient of a
/// step is that of the mean loss over all targets, or pairs, weighted by row, so the loss of each micro-batch
/// is weighted by its share of them; micro-batches without targets are dropped. All processes call it;
/// micro-batches are numbered in the order of the processes. The batches must outlive the result. Throws
/// usage if their number is not a multiple of the number of groups.
MicroBatches micro_batches_of(std::span<const Batch> batches, int64_t groups, StepExchange& exchange);

// The batch of a micro-step on the device, and the losses that training minimises.

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
