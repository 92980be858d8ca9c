#pragma once
// Broadcasts parameters from rank 0.

#include "model/parameters.h"
#include "train/ranks/ranks.h"

namespace hewn {

/// Overwrites the values of a contiguous tensor with those of rank 0. All ranks call it, with tensors of the same size.
void broadcast_values(Tensor& values, Ranks& ranks);

/// The same for all parameters, including frozen ones.
void broadcast_parameters(Parameters& parameters, Ranks& ranks);

}  // namespace hewn
