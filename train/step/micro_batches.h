#pragma once
// The batches of a step, divided into what one forward and backward pass computes.

#include <deque>
#include <span>
#include <vector>

#include "train/data/batches.h"
#include "train/step/step_exchange.h"

namespace hewn {

/// Rows whose targets, or pairs, all count by the same factor in the loss of a step.
struct MicroBatch {
  const Batch* batch;
  int64_t number;  ///< among those of all processes, also those without targets
  double share;    ///< its targets or pairs, times their weight, as a fraction of the step's
};

/// What this process computes of a step.
struct MicroBatches {
  std::vector<std::vector<MicroBatch>> groups;  ///< with gradients of their own
  int64_t count = 0;                            ///< of all groups
  int64_t targets = 0;                          ///< the number of those that count, of all processes
  std::deque<Batch> divided = {};               ///< rows of equal weight
};

/// Divides batches into groups of consecutive ones, and rows of different weights into micro-batches. The gradient of a
/// step is that of the mean loss over all targets, or pairs, weighted by row, so the loss of each micro-batch counts by its
/// share of them; one without targets has no gradient and is left out. All processes call it; those before this one have
/// the first numbers. The batches must outlive the result. Throws usage if their number is no multiple of that of the
/// groups.
MicroBatches micro_batches_of(std::span<const Batch> batches, int64_t groups, StepExchange& exchange);

}  // namespace hewn
