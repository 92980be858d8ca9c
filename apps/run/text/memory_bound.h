#pragma once

#include "model/model.h"

namespace hewn::cli {

/// Seconds in which memory delivers the weights of a model, which every token reads, at the measured bandwidth: the
/// least time of a token on a CPU. Takes about 0.1 s.
double seconds_to_read(const Model& model);

}  // namespace hewn::cli
