#pragma once
// `hewn bench kernels --device`: how to measure on a GPU.

#include <memory>

#include "apps/bench/measure.h"
#include "apps/bench/peers/peers.h"

namespace hewn::cli {

/// For kernels on a GPU, or on the emulated one, whose times say nothing. The plan's threads become its
/// multiprocessors. `peers` help to find out what the GPU can do.
std::unique_ptr<Measurer> make_gpu_measurer(BenchPlan& plan, const Peers& peers);

}  // namespace hewn::cli
