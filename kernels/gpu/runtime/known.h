#pragma once
// Data-sheet figures of GPUs, so that `hewn plan` can plan for a GPU that this machine does not have.

#include <cstddef>
#include <string_view>

#include "core/dtype.h"

namespace hewn {

/// Peaks from a GPU's data sheet, without sparsity, at boost clocks. Real kernels stay below them, so times derived
/// from them are lower bounds.
struct KnownGpu {
  std::string_view key;   ///< "h200", its name in options
  std::string_view name;  ///< "NVIDIA H100 80GB HBM3", its name in CUDA
  int multiprocessors;
  size_t memory_bytes;
  double bytes_per_s;
  double bf16_flops;  ///< FLOP/s of tensor cores with float32 accumulation
  double f32_flops;   ///< FLOP/s of CUDA cores, like f64_flops
  double f64_flops;
  /// Bandwidth of NVLink in each direction, summed over all other GPUs of the host; 0: no NVLink.
  double nvlink_bytes_per_s;

  /// Peak FLOP/s of matrix products with operands of this type.
  constexpr double flops(DType dtype) const {
    return dtype == DType::bf16 ? bf16_flops : dtype == DType::f64 ? f64_flops : f32_flops;
  }
};

/// The GPU with this key; null if unknown.
const KnownGpu* known_gpu(std::string_view key);
/// The GPU with exactly this CUDA name; null if unknown. A prefix does not match: "NVIDIA H100 PCIe" and
/// "NVIDIA GeForce RTX 3090 Ti" are different GPUs with different figures.
const KnownGpu* known_gpu_called(std::string_view name);

}  // namespace hewn
