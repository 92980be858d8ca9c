#pragma once
// Matrix products with Hopper's instructions (sm_90a). One thread requests a whole tile, which the copy
// engine (TMA) writes to shared memory asynchronously; a barrier in shared memory counts the bytes that have
// arrived. A warpgroup of four warps multiplies 64 rows directly from shared memory (wgmma), also
// asynchronously. Instructions: PTX ISA 8.0, "Asynchronous Warpgroup Level Matrix Instructions" and "Parallel
// Synchronization and Communication: mbarrier". hopper_layout.cuh defines where each element lies.

#ifdef __CUDACC__
#include "kernels/gpu/tiles/hopper_layout.cuh"
#else
#include "kernels/gpu/tiles/hopper_emulated.h"
#endif

namespace hewn {
namespace {

/// Whether the current compilation pass targets these instructions: sm_90a or the emulator. Kernels use them
/// inside `if constexpr` and trap elsewhere.
#if !defined(__CUDACC__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
inline constexpr bool hopper_code = true;
#else
inline constexpr bool hopper_code = false;
#endif

#ifdef __CUDACC__

using TensorMap = EncodedTensorMap;
inline TensorMap tensor_map(const TiledMatrix& matrix) { return encode_tensor_map(matrix); }

/// Ends a kernel that was compiled for another GPU.
__device__ __forceinline__ void not_hopper() { __trap(); }

__device__ __forceinline__ uint32_t shared_address(const void* shared) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(shared));
}

__device__ __forceinline__ void make_barrier(Barrier& b, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(&b)), "r"(arrivals) : "memory");
}
/// Makes new barriers visible to the copy engine; other threads need __syncthreads as well.
__device__ __forceinline__ void publish_barriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
__device__ __forceinline__ void arrive(Barrier& b) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(&b)) : "memory");
}
/// Arrives and makes the phase wait for `bytes` more bytes.
__device__ __forceinline__ void arrive_expecting(Barrier& b, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(&b)), "r"(bytes)
               : "memory");
}
/// Waits until the phase of this parity, the current or the previous one, has ended.
__device__ __forceinline__ void await_phase(Barrier& b, uint32_t parity) {
  uint32_t over = 0;
  while (!over)
    asm volatile(
        "{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
        : "=r"(over)
        : "r"(shared_address(&b)), "r"(parity)
        : "memory");
}

/// Makes the calling thread's writes to shared memory, and those it has waited for, visible to the copy engine and to
/// products, which access memory through the async proxy; other threads need a barrier as well.
__device__ __forceinline__ void publish_writes() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/// Starts the copy of the box whose first element is (row, col), swizzled, to a multiple of 1024 bytes in
/// shared memory. `arrived` counts all of its bytes, including those outside the matrix.
__device__ __forceinline__ void copy_box(void* to, const TensorMap& map, int row, int col, Barrier& arrived) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, "
      "%3}], "
      "[%4];" ::"r"(shared_address(to)),
      "l"(&map), "r"(col), "r"(row), "r"(shared_address(&arrived))
      : "memory");
}

/// Required before the first product of a batch: orders it after other instructions that access its accumulators.
__device__ __forceinline__ void begin_products() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
/// Closes a batch of products.
__device__ __forceinline__ void end_products() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/// Waits until all but the newest `n` batches have finished.
template <int n>
__device__ __forceinline__ void await_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(n) : "memory");
}

/// C [64, 128] += A [64, 16] B [16, 128] by a warpgroup, all of whose threads must call it. The accumulators
/// must not be touched until the batch has been awaited.
template <bool a_along, bool b_along>
__device__ __forceinline__ void multiply_group(float (&c)[64], uint64_t a, uint64_t b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18,"
      " %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35,"
      " %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52,"
      " %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
      "%64, %65, 1, 1, 1, %66, %67;"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]), "+f"(c[4]), "+f"(c[5]), "+f"(c[6]), "+f"(c[7]),
        "+f"(c[8]), "+f"(c[9]), "+f"(c[10]), "+f"(c[11]), "+f"(c[12]), "+f"(c[13]), "+f"(c[14]), "+f"(c[15]),
        "+f"(c[16]), "+f"(c[17]), "+f"(c[18]), "+f"(c[19]), "+f"(c[20]), "+f"(c[21]), "+f"(c[22]),
        "+f"(c[23]), "+f"(c[24]), "+f"(c[25]), "+f"(c[26]), "+f"(c[27]), "+f"(c[28]), "+f"(c[29]),
        "+f"(c[30]), "+f"(c[31]), "+f"(c[32]), "+f"(c[33]), "+f"(c[34]), "+f"(c[35]), "+f"(c[36]),
        "+f"(c[37]), "+f"(c[38]), "+f"(c[39]), "+f"(c[40]), "+f"(c[41]), "+f"(c[42]), "+f"(c[43]),
        "+f"(c[44]), "+f"(c[45]), "+f"(c[46]), "+f"(c[47]), "+f"(c[48]), "+f"(c[49]), "+f"(c[50]),
        "+f"(c[51]), "+f"(c[52]), "+f"(c[53]), "+f"(c[54]), "+f"(c[55]), "+f"(c[56]), "+f"(c[57]),
        "+f"(c[58]), "+f"(c[59]), "+f"(c[60]), "+f"(c[61]), "+f"(c[62]), "+f"(c[63])
      : "l"(a), "l"(b), "n"(a_along ? 1 : 0), "n"(b_along ? 1 : 0));
}

#endif

}  // namespace
}  // namespace hewn
