#pragma once

#include "core/device.h"
#include "kernels/matmul/abi.h"

namespace hewn {

/// Runs a product, in TF32 where that is what the device has been told (GpuRuntime::tf32).
void run_product(Device& device, Matmul m);

}  // namespace hewn
