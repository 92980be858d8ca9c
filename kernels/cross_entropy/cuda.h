#pragma once

#include "kernels/cross_entropy/abi.h"

namespace hewn {

/// f32 and f64, rows of any length.
template <Isa I>
void cross_entropy_gpu(const Launch& launch, const CountTargets& a);
template <Isa I>
void cross_entropy_gpu(const Launch& launch, const CrossEntropyForward& a);
template <Isa I>
void cross_entropy_gpu(const Launch& launch, const CrossEntropyBackward& a);
template <Isa I>
void cross_entropy_gpu(const Launch& launch, const MeanLoss& a);

}  // namespace hewn
