#pragma once
// Barriers 1 to 15 of a block, for some of its warps (bar.sync and bar.arrive). Barrier 0 is __syncthreads.

#include "kernels/gpu/simt/simt.h"

namespace hewn {
namespace {

#ifdef __CUDACC__

/// Waits until `threads` threads, a multiple of 32, have arrived at the barrier. All lanes of a warp call it together.
__device__ __forceinline__ void named_barrier_sync(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
/// Arrives without waiting.
__device__ __forceinline__ void named_barrier_arrive(int id, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

#else

inline void named_barrier_sync(int id, int threads) { emulator::named_barrier(id, threads, true); }
inline void named_barrier_arrive(int id, int threads) { emulator::named_barrier(id, threads, false); }

#endif

}  // namespace
}  // namespace hewn
