#pragma once

#include "kernels/optimizer/abi.h"

namespace hewn {

template <Isa I>
void update_simd(const Launch& launch, const ParameterUpdate& a);

}  // namespace hewn
