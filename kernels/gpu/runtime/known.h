#pragma once
// GPUs that can be planned for where there is none: the figures their maker states.

#include <cstddef>
#include <span>
#include <string_view>

#include "core/dtype.h"

namespace hewn {

/// Of a GPU's data sheet: peaks without sparsity, at boost clocks. Real kernels stay below both peaks, so
/// times that follow from them are floors.
struct KnownGpu {
  std::string_view key;   ///< "h200", as options name it
  std::string_view name;  ///< "NVIDIA H100 80GB HBM3", as CUDA does
  int multiprocessors;
  size_t memory_bytes;
  double bytes_per_s;
  double bf16_flops;  ///< FLOP/s of tensor cores that add in float32
  double f32_flops;   ///< of CUDA cores, as f64_flops
  double f64_flops;

  /// FLOP/s of products whose operands are of this type.
  constexpr double flops(DType dtype) const {
    return dtype == DType::bf16 ? bf16_flops : dtype == DType::f64 ? f64_flops : f32_flops;
  }
};

/// The GPUs this project knows, best first.
std::span<const KnownGpu> known_gpus();
/// The one of this key; null when it is not known.
const KnownGpu* known_gpu(std::string_view key);
/// The one that CUDA calls exactly so; null when it is not known. Others of a family have names that go on
/// ("NVIDIA H100 PCIe", "NVIDIA GeForce RTX 3090 Ti"), and other figures.
const KnownGpu* known_gpu_called(std::string_view name);

}  // namespace hewn
