#pragma once
// Resources that every GPU of compute capability 8.0 or higher offers a kernel. A kernel that asserts that it stays
// within them can be launched on all of these GPUs.

#include <cstddef>

namespace hewn {

// The minimum over compute capabilities 8.0, 8.6, 8.9, 9.0, 10.0 and 12.0: CUDA Programming Guide, "Technical
// Specifications per Compute Capability".
inline constexpr size_t most_shared = 99 << 10;  ///< bytes per block, limited by 8.6, 8.9, 12.0
inline constexpr size_t shared_without_opt_in =
    48 << 10;  ///< bytes per block, static and dynamic, unless the launch requests more (opts_in)
/// Alignment of dynamic shared memory, for the swizzle of Hopper's copy engine. ptxas pads a kernel's static
/// memory, if it has any, to a multiple of this, so that the dynamic memory after it is aligned.
inline constexpr size_t dynamic_shared_alignment = 1024;
inline constexpr size_t most_parameters = 4 << 10;  ///< bytes; more require a driver for CUDA 12.1
inline constexpr int most_threads = 1536;           ///< per multiprocessor, limited by 8.6, 8.9, 12.0
inline constexpr int most_blocks = 16;              ///< per multiprocessor, limited by 8.6
inline constexpr int all_registers = 64 << 10;      ///< per multiprocessor, the same on all

/// Resources that a kernel uses. The first two are the arguments of its __launch_bounds__.
struct Footprint {
  int threads;        ///< per block
  int blocks;         ///< resident per multiprocessor, as far as registers and threads allow
  int values = 0;     ///< 32-bit values that a thread keeps in registers
  size_t shared = 0;  ///< bytes per block
};

/// Registers available to a thread; hardware allocates them in units of eight.
constexpr int registers_of(const Footprint& f) {
  const int n = all_registers / (f.threads * f.blocks) / 8 * 8;
  return n < 255 ? n : 255;
}

/// Resident blocks per multiprocessor of a kernel with this many threads per block and registers per thread,
/// limited to what every GPU can hold: the second argument of its __launch_bounds__.
constexpr int blocks_with(int threads, int registers) {
  const int by_registers = all_registers / (threads * ((registers + 7) / 8 * 8));
  const int by_threads = most_threads / threads;
  const int blocks = by_registers < by_threads ? by_registers : by_threads;
  return blocks < most_blocks ? blocks : most_blocks;
}

/// Whether the kernel can be launched on every GPU with 20 registers to spare for addresses and counters, so
/// that none is spilled.
constexpr bool fits_everywhere(const Footprint& f) {
  return f.threads % 32 == 0 && f.threads <= 1024 && f.threads * f.blocks <= most_threads &&
         f.blocks <= most_blocks && f.values + 20 <= registers_of(f) && f.shared <= most_shared;
}

}  // namespace hewn
