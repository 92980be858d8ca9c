#pragma once
// All kernels of this room; list.cpp arranges them in ladders.

#include "kernels/activation/abi.h"

namespace hewn {

/// f(x) and f'(x) of the table, for code of one instruction set, which must not contain the
/// table's functions.
double activation_value(Activation kind, double x);
double activation_slope(Activation kind, double x);

/// The oracle: plain loops in double, for f32, f64 and bf16.
void activation_reference(const Launch&, const ActivationForward& a);
void activation_reference(const Launch&, const ActivationBackward& a);

/// The same for SwiGLU.
void swiglu_reference(const Launch&, const SwigluForward& a);
void swiglu_reference(const Launch&, const SwigluBackward& a);

// Lessons.

/// Teaching rung, float and tanh-GELU only; list.cpp states its idea.
void activation_float(const Launch&, const ActivationForward& a);

// SIMD, compiled once per instruction set.

/// f32, whole vectors at a time, blocks of elements divided among threads.
template <Isa I>
void activation_simd(const Launch& launch, const ActivationForward& a);
template <Isa I>
void activation_simd(const Launch& launch, const ActivationBackward& a);

template <Isa I>
void swiglu_simd(const Launch& launch, const SwigluForward& a);
template <Isa I>
void swiglu_simd(const Launch& launch, const SwigluBackward& a);

// GPUs.

/// f32, f64 and bf16: sixteen bytes per thread if rows allow it.
template <Isa I>
void activation_gpu(const Launch& launch, const ActivationForward& a);
template <Isa I>
void activation_gpu(const Launch& launch, const ActivationBackward& a);
template <Isa I>
void swiglu_gpu(const Launch& launch, const SwigluForward& a);
template <Isa I>
void swiglu_gpu(const Launch& launch, const SwigluBackward& a);

}  // namespace hewn
