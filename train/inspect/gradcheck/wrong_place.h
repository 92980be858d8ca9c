#pragma once
// Finds the operation that a wrong gradient comes from.

#include <span>
#include <string>
#include <vector>

#include "train/inspect/gradcheck/gradient_check.h"

namespace hewn {

/// The first places, seen from the loss, at which the tape's gradients are wrong, given the parameters whose gradients
/// are: at most three. Measures with the probe's first batch alone; empty if its gradients are right.
std::vector<WrongPlace> wrong_places(LossProbe& probe, std::span<const std::string> parameters,
                                     const GradientCheckOptions& options);

}  // namespace hewn
