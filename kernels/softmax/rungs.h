#pragma once

#include "kernels/softmax/abi.h"

namespace hewn {

/// Teaching rungs, float only; the idea of each stands in list.cpp.
void softmax_online(const Launch&, const SoftmaxForward& a);
void softmax_stored(const Launch&, const SoftmaxForward& a);

}  // namespace hewn
