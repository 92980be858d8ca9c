#pragma once
// What every GPU from compute capability 8.0 on has for a kernel: one that asserts to keep within it starts
// on each of them.

#include <cstddef>

namespace hewn {

// The least of 8.0, 8.6, 8.9, 9.0, 10.0 and 12.0: CUDA Programming Guide, "Technical Specifications per
// Compute Capability".
inline constexpr size_t most_shared = 99 << 10;  ///< bytes a block may have: 8.6, 8.9, 12.0
inline constexpr int most_threads = 1536;        ///< that a multiprocessor holds: 8.6, 8.9, 12.0
inline constexpr int most_blocks = 16;           ///< likewise: 8.6
inline constexpr int all_registers = 64 << 10;   ///< of a multiprocessor, everywhere

/// What a kernel takes. The first two are the numbers of its __launch_bounds__.
struct Footprint {
  int threads;        ///< of a block
  int blocks;         ///< that a multiprocessor is to hold, as far as registers and threads go
  int values = 0;     ///< numbers of 32 bits that a thread keeps in registers while it works
  size_t shared = 0;  ///< bytes a block has
};

/// Registers that a thread may have: they are given out by the eight.
constexpr int registers_of(const Footprint& f) {
  const int n = all_registers / (f.threads * f.blocks) / 8 * 8;
  return n < 255 ? n : 255;
}

/// How many blocks a multiprocessor holds of a kernel whose threads have so many registers each, and no more
/// than every one holds: the second number of its __launch_bounds__.
constexpr int blocks_with(int threads, int registers) {
  const int by_registers = all_registers / (threads * ((registers + 7) / 8 * 8));
  const int by_threads = most_threads / threads;
  const int blocks = by_registers < by_threads ? by_registers : by_threads;
  return blocks < most_blocks ? blocks : most_blocks;
}

/// Whether it starts everywhere, with 20 registers left for addresses and counters, so that none is spilled.
constexpr bool fits_everywhere(const Footprint& f) {
  return f.threads % 32 == 0 && f.threads <= 1024 && f.threads * f.blocks <= most_threads &&
         f.blocks <= most_blocks && f.values + 20 <= registers_of(f) && f.shared <= most_shared;
}

}  // namespace hewn
