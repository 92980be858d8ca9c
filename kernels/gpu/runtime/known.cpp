#include "kernels/gpu/runtime/known.h"

#include <algorithm>

namespace hewn {
namespace {

constexpr size_t gb = 1'000'000'000;

// NVIDIA's documents: the data sheets "NVIDIA H200 Tensor Core GPU" (column H200 SXM), "NVIDIA H100 Tensor
// Core GPU" (H100 SXM) and "NVIDIA A100 Tensor Core GPU" (A100 80GB SXM), whose figures for tensor cores are
// doubled where they count sparsity; the multiprocessors are in the white papers "NVIDIA H100 Tensor Core GPU
// Architecture" and "NVIDIA A100 Tensor Core GPU Architecture". The appendices of the white papers "NVIDIA
// Ada GPU Architecture" and "NVIDIA Ampere GA102 GPU Architecture" have the last two: bf16 as "Peak BF16
// Tensor TFLOPS with FP32 Accumulate", f64 as a 64th of f32. The data sheets give NVLink's bandwidth for both
// directions together. The bridge of RTX 3090s is not listed, since it joins only two GPUs.
constexpr KnownGpu known[] = {
    {"h200", "NVIDIA H200", 132, 141 * gb, 4.8e12, 989e12, 67e12, 34e12, 450e9},
    {"h100", "NVIDIA H100 80GB HBM3", 132, 80 * gb, 3.35e12, 989e12, 67e12, 34e12, 450e9},
    {"a100", "NVIDIA A100-SXM4-80GB", 108, 80 * gb, 2.039e12, 312e12, 19.5e12, 9.7e12, 300e9},
    {"rtx4090", "NVIDIA GeForce RTX 4090", 128, 24 * gb, 1.008e12, 165.2e12, 82.6e12, 1.29e12, 0},
    {"rtx3090", "NVIDIA GeForce RTX 3090", 82, 24 * gb, 0.936e12, 71e12, 35.6e12, 0.556e12, 0},
};

}  // namespace

const KnownGpu* known_gpu(std::string_view key) {
  const auto* found =
      std::find_if(std::begin(known), std::end(known), [&](const auto& g) { return g.key == key; });
  return found == std::end(known) ? nullptr : found;
}

const KnownGpu* known_gpu_called(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(known), std::end(known), [&](const auto& g) { return g.name == name; });
  return found == std::end(known) ? nullptr : found;
}

}  // namespace hewn
