#pragma once

#include "kernels/optimizer/abi.h"

namespace hewn {

/// f32 and f64, with or without bf16 copies.
template <Isa I>
void update_gpu(const Launch& launch, const ParameterUpdate& a);

/// Half a warp has the 64 elements of a group, a thread every sixteenth of them.
template <Isa I>
void round_gpu(const Launch& launch, const StochasticRounding& a);

}  // namespace hewn
