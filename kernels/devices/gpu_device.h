#pragma once
// The GPU as a device of the project: over CUDA's run time, or over the emulation.

#include <memory>

#include "kernels/contract/contract.h"
#include "kernels/gpu/runtime/runtime.h"

namespace hewn {

/// A device over this run time, with its own pool and stream.
std::unique_ptr<Executor> make_gpu(std::string name, std::unique_ptr<GpuRuntime> runtime);

}  // namespace hewn
