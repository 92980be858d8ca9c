#pragma once

#include "core/tape.h"

namespace hewn {

/// Mean of -log softmax(logits)[target] over the rows whose target is not -100, as a scalar. logits [..., V]
/// contiguous, targets i32 [...] contiguous. Throws usage for wrong shapes, input for a target outside of
/// [0, V) and if all are -100; on a GPU, where the host does not wait for the values, loss and
/// gradients are NaN instead.
Tensor cross_entropy(const Tensor& logits, const Tensor& targets);

/// -log softmax(logits)[target] of each row, 0 where the target is -100, in the shape of the targets:
/// cross_entropy without the mean. Throws like cross_entropy.
Tensor cross_entropy_rows(const Tensor& logits, const Tensor& targets);

/// Both composed of simple operations, on the CPU.
Tensor cross_entropy_composed(const Tensor& logits, const Tensor& targets);
Tensor cross_entropy_rows_composed(const Tensor& logits, const Tensor& targets);

/// The checks of cross_entropy, for other functions with targets: i32, contiguous, one per row, each -100 or
/// below `classes`, and not all -100. Error messages name `op`. Values are checked on the CPU only.
void check_targets(const char* op, const Tensor& targets, int64_t rows, int64_t classes);

}  // namespace hewn
