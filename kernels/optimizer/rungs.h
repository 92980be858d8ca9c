#pragma once

#include "kernels/optimizer/abi.h"

namespace hewn {

/// Teaching rung, float and AdamW only; its idea stands in list.cpp.
void update_sweeps(const Launch& launch, const ParameterUpdate& a);

}  // namespace hewn
