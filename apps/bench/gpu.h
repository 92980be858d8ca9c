#pragma once
// `hewn bench kernels --device`: measurements on a GPU.

#include <memory>

#include "apps/bench/measure.h"
#include "apps/bench/peers/peers.h"

namespace hewn::cli {

/// For kernels on a GPU, or on the emulated one, whose times are meaningless. Sets the plan's thread count to
/// the number of multiprocessors. `peers` also determine the ceilings of the GPU.
std::unique_ptr<Measurer> make_gpu_measurer(BenchPlan& plan, const Peers& peers);

}  // namespace hewn::cli
