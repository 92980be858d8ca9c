#pragma once

#include "kernels/optimizer/abi.h"

namespace hewn {

template <Isa I>
void update_simd(const Launch& launch, const ParameterUpdate& a);

template <Isa I>
void round_simd(const Launch& launch, const StochasticRounding& a);

}  // namespace hewn
