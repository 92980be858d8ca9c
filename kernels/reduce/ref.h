#pragma once

#include "kernels/reduce/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for f32 and f64.
void reduce_reference(const Launch&, const Reduce& a);
void max_backward_reference(const Launch&, const MaxBackward& a);
void expand_reference(const Launch&, const Expand& a);

/// MaxBackward with the outer blocks shared out to the threads.
void max_backward_parallel(const Launch& launch, const MaxBackward& a);

}  // namespace hewn
