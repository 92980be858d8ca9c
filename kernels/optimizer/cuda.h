#pragma once

#include "kernels/optimizer/abi.h"

namespace hewn {

/// f32 and f64, with or without bf16 copies.
template <Isa I>
void update_gpu(const Launch& launch, const ParameterUpdate& a);

}  // namespace hewn
