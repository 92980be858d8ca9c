#pragma once

#include "kernels/global_norm/abi.h"

namespace hewn {

/// The oracle: one sum after the other, for f32 and f64.
void global_norm_reference(const Launch&, const GlobalNorm& a);
void step_loss_reference(const Launch&, const StepLoss& a);

/// What follows from the sum of squares, written into the step state.
void conclude_norm(const GlobalNorm& a, double sum_of_squares);

}  // namespace hewn
