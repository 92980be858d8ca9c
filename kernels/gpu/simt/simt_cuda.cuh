#pragma once
// The part of simt.h that is specific to nvcc.

#include <cuda_runtime.h>

#include "kernels/contract/launch.h"
#include "kernels/gpu/simt/arguments_text.h"
#include "kernels/gpu/simt/grid.h"
#include "kernels/gpu/simt/parameters.h"

namespace hewn {

/// Launches a kernel. Errors name the kernel, its arguments and the grid. Defined in runtime_cuda.cpp.
void launch_cuda(const Launch& on, const char* name, const Grid& grid, const void* kernel, void** arguments,
                 std::string (*text)(void** arguments));

namespace {

/// Launches `kernel` on the stream of `on`. An empty grid does nothing.
template <class... P, class... A>
requires FitAsParameters<P...>
void launch(const Launch& on, const char* name, const Grid& grid, void (*kernel)(P...),
            const A&... arguments) {
  [&](P... values) {
    void* pointers[] = {const_cast<void*>(static_cast<const void*>(&values))...};
    launch_cuda(on, name, grid, reinterpret_cast<const void*>(kernel), pointers, arguments_text<P...>);
  }(static_cast<P>(arguments)...);
}

template <class T>
__device__ __forceinline__ T& shared_memory() {
  __shared__ alignas(alignof(T) < 16 ? 16 : alignof(T)) unsigned char bytes[sizeof(T)];
  return *reinterpret_cast<T*>(bytes);
}

template <class T>
__device__ __forceinline__ T* dynamic_shared() {
  extern __shared__ __align__(dynamic_shared_alignment) unsigned char hewn_dynamic_shared[];
  return reinterpret_cast<T*>(hewn_dynamic_shared);
}

/// The V (float4, uint2, Pack, ...) at p, for one load or store. p is a multiple of V's alignment.
template <class V, class T>
__device__ __forceinline__ SameConst<T, V>& vector_at(T* p) {
  return *reinterpret_cast<SameConst<T, V>*>(p);
}

__device__ __forceinline__ bf16 to_bf16(float x) {
  bf16 y;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
  return y;
}

__device__ __forceinline__ f16 to_f16(float x) {
  f16 y;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
  return y;
}

__device__ __forceinline__ float to_float(f16 x) {
  float y;
  asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
  return y;
}

}  // namespace
}  // namespace hewn
