#pragma once

#include "kernels/activation/abi.h"

namespace hewn {

/// f(x) and f'(x) in double, accurate relative to themselves however small.
double activation_value(Activation kind, double x);
double activation_slope(Activation kind, double x);

/// The oracle: plain loops in double, for f32 and f64.
void activation_reference(const Launch&, const ActivationForward& a);
void activation_reference(const Launch&, const ActivationBackward& a);

/// The same of SwiGLU.
void swiglu_reference(const Launch&, const SwigluForward& a);
void swiglu_reference(const Launch&, const SwigluBackward& a);

}  // namespace hewn
