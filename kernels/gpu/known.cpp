#include "kernels/gpu/known.h"

#include <algorithm>

namespace hewn {
namespace {

constexpr size_t gb = 1'000'000'000;

constexpr KnownGpu all[] = {
    {"h200", "NVIDIA H200", 132, 141 * gb, 4.8e12, 989e12, 67e12, 34e12},
    {"h100", "NVIDIA H100", 132, 80 * gb, 3.35e12, 989e12, 67e12, 34e12},
    {"a100", "NVIDIA A100", 108, 80 * gb, 2.039e12, 312e12, 19.5e12, 9.7e12},
    {"rtx4090", "NVIDIA GeForce RTX 4090", 128, 24 * gb, 1.008e12, 165.2e12, 82.6e12, 1.29e12},
    {"rtx3090", "NVIDIA GeForce RTX 3090", 82, 24 * gb, 0.936e12, 71e12, 35.6e12, 0.556e12},
};

}  // namespace

std::span<const KnownGpu> known_gpus() { return all; }

const KnownGpu* known_gpu(std::string_view key) {
  const auto* found =
      std::find_if(std::begin(all), std::end(all), [&](const auto& g) { return g.key == key; });
  return found == std::end(all) ? nullptr : found;
}

const KnownGpu* known_gpu_called(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(all), std::end(all), [&](const auto& g) { return name.starts_with(g.name); });
  return found == std::end(all) ? nullptr : found;
}

}  // namespace hewn
