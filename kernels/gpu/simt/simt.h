#pragma once
// The common header of all *.cu files. nvcc compiles them for GPUs; g++ and clang++ compile the same source for the
// block emulator (emulator.h), so that kernels can be tested without a GPU. Besides CUDA's own names (threadIdx,
// __syncthreads, __shfl_xor_sync, ...) a kernel uses the following:
//
//   launch(on, "name", {blocks, threads, shared_bytes}, kernel, arguments...)
//                                    instead of <<<...>>>
//   Tile& tile = shared_memory<Tile>()
//                                    instead of __shared__, so that the emulator can poison, fence and count it
//   dynamic_shared<float>()          the dynamic shared memory requested at the launch
//   vector_at<float4>(p)             instead of *reinterpret_cast<float4*>(p), which the emulator cannot check:
//                                    on a GPU a misaligned access ends the kernel
//   load_as<float>(p), store_as(p, x)
//                                    loads and stores that convert bf16, and leave float and double as they are
//
// Kernels and helpers are in an anonymous namespace, since one program can contain both builds.

#include <type_traits>

#include "kernels/contract/launch.h"
#include "kernels/gpu/simt/grid.h"
#include "kernels/gpu/simt/limits.h"

#ifdef __CUDACC__
#include "kernels/gpu/simt/simt_cuda.cuh"
#else
#include "kernels/gpu/simt/simt_emulated.h"
#endif

namespace hewn {
namespace {

/// The number of blocks of `block` that cover n.
template <class T>
__host__ __device__ constexpr T ceil_div(T n, T block) {
  return (n + block - 1) / block;
}

/// Blocks for n items, `per_block` each, capped at the largest grid dimension. A kernel launched with fewer blocks than
/// it has items loops over them with a stride.
constexpr unsigned blocks_for(int64_t n, int64_t per_block) {
  const int64_t blocks = ceil_div(n, per_block);
  return static_cast<unsigned>(blocks < 0x7fffffff ? blocks : 0x7fffffff);
}

__device__ __forceinline__ float to_float(bf16 x) {
  return __uint_as_float(static_cast<unsigned>(x.bits) << 16);
}

/// The type to compute with for elements of type E: float for bf16.
template <class E>
using Number = std::conditional_t<std::is_arithmetic_v<E>, E, float>;

/// An element as a number to compute with: bf16 is widened to float.
template <class T, class E>
__device__ __forceinline__ T load_as(const E* p) {
  if constexpr (std::is_arithmetic_v<E>)
    return static_cast<T>(*p);
  else
    return static_cast<T>(to_float(*p));
}

template <class T>
__device__ __forceinline__ void store_as(bf16* p, T x) {
  *p = to_bf16(static_cast<float>(x));
}
template <class E, class T>
__device__ __forceinline__ void store_as(E* p, T x) {
  *p = static_cast<E>(x);
}

/// to[i] (set or add) x, in the type of x.
template <class E, class T>
__device__ __forceinline__ void write(E* to, T x, Write how) {
  store_as(to, how == Write::add ? load_as<T>(to) + x : x);
}

/// The sum of a warp's 32 values, in a fixed order, in every lane.
template <class T>
__device__ __forceinline__ T warp_sum(T x) {
  for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(0xffffffffu, x, distance);
  return x;
}

/// The largest of a warp's 32 values. A NaN is ignored unless all values are NaN.
template <class T>
__device__ __forceinline__ T warp_max(T x) {
  for (int distance = 16; distance > 0; distance /= 2) {
    const T other = __shfl_xor_sync(0xffffffffu, x, distance);
    x = x < other || x != x ? other : x;
  }
  return x;
}

}  // namespace
}  // namespace hewn
