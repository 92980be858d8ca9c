#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

/// to[i] += from[i] for n elements of f32, f64 or bf16: the only arithmetic that the tape itself needs on a device.
template <Isa I>
void gpu_add(const Launch& launch, DType dtype, int64_t n, void* to, const void* from);

}  // namespace hewn
