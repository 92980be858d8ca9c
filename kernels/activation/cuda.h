#pragma once

#include "kernels/activation/abi.h"

namespace hewn {

/// f32 and f64: sixteen bytes a thread where rows allow it.
template <Isa I>
void activation_gpu(const Launch& launch, const ActivationForward& a);
template <Isa I>
void activation_gpu(const Launch& launch, const ActivationBackward& a);
template <Isa I>
void swiglu_gpu(const Launch& launch, const SwigluForward& a);
template <Isa I>
void swiglu_gpu(const Launch& launch, const SwigluBackward& a);

}  // namespace hewn
