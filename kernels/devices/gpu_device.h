#pragma once
// The GPU as a device of the project, on CUDA's runtime or on the emulator.

#include <memory>

#include "kernels/contract/contract.h"
#include "kernels/gpu/runtime/runtime.h"

namespace hewn {

/// A device on this runtime, with its own pool and stream.
std::unique_ptr<Executor> make_gpu(std::string name, std::unique_ptr<GpuRuntime> runtime);

}  // namespace hewn
