#pragma once
// How ranks come to the same parameters.

#include "model/parameters.h"
#include "train/ranks/ranks.h"

namespace hewn {

/// Overwrites the values of all parameters, also of those that do not train, with those of rank 0. On CPUs. All ranks
/// call it, with parameters of the same names and shapes.
void broadcast_parameters(Parameters& parameters, Ranks& ranks);

}  // namespace hewn
