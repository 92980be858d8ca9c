#pragma once

#include "kernels/copy/abi.h"

namespace hewn {

/// All types. Without gaps on both sides sixteen bytes a thread (between f32 and bf16 too), else an element a
/// thread.
template <Isa I>
void copy_gpu(const Launch& launch, const Copy& a);

}  // namespace hewn
