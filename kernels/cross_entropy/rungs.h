#pragma once

#include "kernels/cross_entropy/abi.h"

namespace hewn {

/// Teaching rung, float only; its idea stands in list.cpp.
void cross_entropy_online(const Launch&, const CrossEntropyForward& a);

}  // namespace hewn
