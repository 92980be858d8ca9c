#pragma once

#include "kernels/cross_entropy/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for f32 and f64.
void cross_entropy_reference(const Launch&, const CountTargets& a);
void cross_entropy_reference(const Launch&, const CrossEntropyForward& a);
void cross_entropy_reference(const Launch&, const CrossEntropyBackward& a);
void cross_entropy_reference(const Launch&, const MeanLoss& a);

}  // namespace hewn
