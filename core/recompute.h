#pragma once
// Recomputation (gradient checkpointing): the intermediate values of a part of the model are not kept for the
// backward pass but computed again there. Trades time for memory (Chen et al., "Training deep nets with
// sublinear memory cost", 2016).

#include <functional>

#include "core/tape.h"

namespace hewn {

/// Returns f(x). On a tape it is one node, which keeps only x; its backward pass calls f again, on a nested
/// tape. f must then do the same work from the same values: x, leaves of the tape and constants. Gradients
/// have the same bits as without recomputation.
Tensor recomputed(const Tensor& x, std::function<Tensor(const Tensor&)> f);

}  // namespace hewn
