#pragma once

#include "kernels/activation/abi.h"

namespace hewn {

/// f32, whole vectors at a time, blocks of elements shared out to the threads.
template <Isa I>
void activation_simd(const Launch& launch, const ActivationForward& a);
template <Isa I>
void activation_simd(const Launch& launch, const ActivationBackward& a);

template <Isa I>
void swiglu_simd(const Launch& launch, const SwigluForward& a);
template <Isa I>
void swiglu_simd(const Launch& launch, const SwigluBackward& a);

}  // namespace hewn
