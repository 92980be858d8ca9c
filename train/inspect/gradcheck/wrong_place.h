#pragma once
// Finds the operation that produces a wrong gradient.

#include <span>
#include <string>
#include <vector>

#include "train/inspect/gradcheck/gradient_check.h"

namespace hewn {

/// The first places, seen from the loss, at which the tape's gradients are wrong (at most three), given the
/// parameters with wrong gradients. Measures with the probe's first batch only; empty if its gradients are
/// right.
std::vector<WrongPlace> wrong_places(LossProbe& probe, std::span<const std::string> parameters,
                                     const GradientCheckOptions& options);

}  // namespace hewn
