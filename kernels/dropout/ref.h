#pragma once

#include "kernels/dropout/abi.h"

namespace hewn {

/// Whether element i survives.
bool dropout_keeps(const Dropout& a, int64_t i);

/// The oracle: one element at a time, for f32 and f64.
void dropout_reference(const Launch&, const Dropout& a);

/// The same, elements to threads.
void dropout_parallel(const Launch& launch, const Dropout& a);

}  // namespace hewn
