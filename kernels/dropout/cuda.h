#pragma once

#include "kernels/dropout/abi.h"

namespace hewn {

/// f32 and f64: a Philox block a thread, for four elements.
template <Isa I>
void dropout_gpu(const Launch& launch, const Dropout& a);

}  // namespace hewn
