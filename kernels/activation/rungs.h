#pragma once

#include "kernels/activation/abi.h"

namespace hewn {

/// Teaching rung, float and tanh-GELU only; its idea stands in list.cpp.
void activation_float(const Launch&, const ActivationForward& a);

}  // namespace hewn
