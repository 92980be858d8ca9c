#pragma once

#include "model/model.h"

namespace hewn::cli {

/// The time in seconds to read the weights of a model at the measured bandwidth: a lower bound for a token on
/// a CPU. Takes about 0.1 s.
double seconds_to_read(const Model& model);

}  // namespace hewn::cli
