#pragma once

#include "core/device.h"
#include "kernels/matmul/abi.h"

namespace hewn {

/// Runs a product, in TF32 if the device is configured for it (GpuRuntime::tf32).
void run_product(Device& device, Matmul m);

}  // namespace hewn
