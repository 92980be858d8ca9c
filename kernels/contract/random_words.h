#pragma once
// Random words for the elements of an array, the same on every device; used by dropout and
// stochastic rounding.
//
// Elements form groups of 64. Element 64 g + 16 w + lane, with 0 <= lane < 16 and 0 <= w < 4, has word w of
// the Philox 4x32-10 block {16 g + lane, second, third, fourth} under `key` (core/rng.h), so that one block
// serves four elements and adjacent lanes of a vector are adjacent elements. The same for vectors:
// kernels/simd/vec_philox.h; for GPUs: kernels/gpu/tiles/philox.cuh.

#include <cstddef>
#include <cstdint>

#include "core/rng.h"

namespace hewn {

/// The random word of element i.
inline uint32_t random_word(int64_t i, uint32_t second, uint32_t third, uint32_t fourth, uint64_t key) {
  const auto block = static_cast<uint32_t>(i / 64 * 16 + i % 16);
  const auto words =
      philox({block, second, third, fourth}, {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
  return words[static_cast<size_t>(i % 64 / 16)];
}

}  // namespace hewn
