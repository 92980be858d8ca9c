#pragma once
// `hewn bench kernels`: what the machine allows.

#include "apps/bench_plan.h"

namespace hewn::cli {

/// The least seconds the case's work can take on so many threads of such a processor: its arithmetic at the
/// measured peak or its bytes at the measured speed, whichever takes longer. Measures each roof once.
double floor_seconds(const Case& c, Isa level, int threads);

}  // namespace hewn::cli
