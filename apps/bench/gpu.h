#pragma once
// `hewn bench kernels --device`: measuring on a GPU.

#include <memory>

#include "apps/bench/measure.h"
#include "apps/bench/peers/peers.h"

namespace hewn::cli {

/// For kernels on a GPU, or on the emulated one, whose times mean nothing. The plan's thread count becomes
/// the number of multiprocessors. `peers` are used to find the ceilings of the GPU.
std::unique_ptr<Measurer> make_gpu_measurer(BenchPlan& plan, const Peers& peers);

}  // namespace hewn::cli
