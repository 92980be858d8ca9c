#pragma once

#include "core/tensor.h"
#include "kernels/matmul/abi.h"

namespace hewn {

/// The arguments of c (set or add) a b for matrices a [M, K], b [K, N] and c [M, N] with dense rows, or columns (not c).
Matmul product_of(const Tensor& a, const Tensor& b, const Tensor& c, Write to_c);

/// Runs a product, in TF32 if the device is configured for it (GpuRuntime::tf32), by rows that do not know of each other
/// if the caller wants that (RowsApart).
void run_product(Device& device, Matmul m);

}  // namespace hewn
