#pragma once
// `hewn bench kernels --shapes-from`: the kernels of a training step.

#include <string>
#include <vector>

#include "apps/bench/plan.h"

namespace hewn::cli {

/// The kernels that one training step calls, each op with each shape once, in the order of the first call.
/// `of` is a run, one of its checkpoints, or a CONFIG.toml. The step runs on the meta device, which computes
/// nothing. Throws input if there is no such run.
std::vector<RunKernel> kernels_of_run(const std::string& of, int threads, Isa isa);

}  // namespace hewn::cli
