#pragma once
// Part of a model whose interior is not kept for the backward pass but computed once more there: memory for
// time (Chen et al., "Training deep nets with sublinear memory cost", 2016).

#include <functional>

#include "core/tape.h"

namespace hewn {

/// f(x). On a tape it is one node, which keeps x alone; its backward pass calls f again, on a tape within.
/// Then f must do the same work as before, from x, leaves of the tape and what does not change: gradients are
/// the same bits as without.
Tensor recomputed(const Tensor& x, std::function<Tensor(const Tensor&)> f);

}  // namespace hewn
